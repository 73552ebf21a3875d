"""A model behind somebody else's OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from endpoints.local.model_server.engines.base import (
    Finish,
    FinishReason,
    Grammar,
    Prompt,
    Sampling,
    Step,
    Token,
)
from endpoints.local.model_server.engines.openai_engine import OpenAiEngine
from endpoints.local.model_server.errors import GenerationError, InvalidRequestError, OverloadedError
from endpoints.local.model_source import ModelSource, SourceKind

SAMPLING = Sampling(max_new_tokens=5, temperature=0.7)
CHAT = Prompt(({"role": "user", "content": "hi"},), 1)
Handler = Callable[[httpx.Request], httpx.Response]


def run(handler: Handler, prompt: Prompt = CHAT, sampling: Sampling = SAMPLING) -> list[Step]:
    async def collect() -> list[Step]:
        source = ModelSource(SourceKind.OPENAI_URL, "http://backend/v1", "some-model")
        engine = OpenAiEngine(source, transport=httpx.MockTransport(handler))
        try:
            return [step async for step in engine.generate(prompt, sampling)]
        finally:
            await engine.close()

    return asyncio.run(collect())


def stream(*documents: object) -> httpx.Response:
    frames = [f"data: {json.dumps(document)}\n\n" for document in documents]
    return httpx.Response(200, text=": a comment\n\n" + "".join(frames) + "data: [DONE]\n\n")


def chunk(content: str | None = None, reason: str | None = None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}]}


def test_chunks_become_tokens_and_the_servers_own_count_wins() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}}
    steps = run(lambda _: stream(chunk("Hel"), chunk("lo"), chunk("", "stop"), usage))
    assert [step.token.text for step in steps] == ["Hel", "lo", ""]
    assert steps[-1] == Step(Token("", special=True), Finish(FinishReason.END_OF_SEQUENCE, 9))


def test_a_conversation_goes_to_chat_and_text_to_completions() -> None:
    seen: list[tuple[str, dict[str, object]]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, json.loads(request.content)))
        return stream({"choices": [{"index": 0, "text": "x", "finish_reason": "length"}]})

    run(handler)
    steps = run(handler, Prompt("Once", 1))
    assert [path for path, _ in seen] == ["/v1/chat/completions", "/v1/completions"]
    assert seen[0][1]["messages"] == [{"role": "user", "content": "hi"}]
    assert seen[1][1]["prompt"] == "Once"
    assert seen[1][1]["model"] == "some-model"
    assert steps[-1].finish == Finish(FinishReason.LENGTH, 1)


def test_a_schema_is_handed_on() -> None:
    bodies: list[dict[str, object]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return stream(chunk("{}", "stop"))

    run(handler, sampling=Sampling(5, 0.0, grammar=Grammar("json_schema", '{"type": "object"}')))
    assert bodies[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
    }


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (429, "{}", OverloadedError, "Model is overloaded"),
        (400, '{"error": {"message": "too long"}}', InvalidRequestError, "too long"),
        (404, '{"error": "no such model"}', GenerationError, "no such model"),
        (500, "", GenerationError, "HTTP 500"),
        (503, '{"message": "loading"}', GenerationError, "loading"),
    ],
)
def test_refusals_become_tgis_errors(status: int, body: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run(lambda _: httpx.Response(status, text=body))


def test_a_server_that_is_gone_is_a_failed_generation() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(GenerationError, match="connection refused"):
        run(handler)


def test_an_error_in_the_stream_is_a_failed_generation() -> None:
    with pytest.raises(GenerationError, match="out of memory"):
        run(lambda _: stream(chunk("a"), {"error": {"message": "out of memory"}}))


def test_a_stream_that_breaks_off_has_no_finish() -> None:
    steps = run(lambda _: stream(chunk("a")))
    assert all(step.finish is None for step in steps)
