"""Inputs from behind: what SageMaker and the engines send, changed anywhere from the document down to HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

from lambdas.router.messages import Request
from lambdas.router.route_table_reader import parse_route_table
from lambdas.router.sagemaker import SageMakerUpstream
from lambdas.router.service import Router
from lambdas.router.trace import Trace
from tests.faults.behaviours import exception, head, http_chunk, stream_head
from tests.fuzz.chaos import Chaos
from tests.fuzz.holds import check_answer, check_told, require
from tests.fuzz.network import FuzzLoop, Reply
from tests.unit.router import recorded
from tests.unit.router.support import candidate, payload_part, route
from tests.unit.router.virtual import now_s

_STREAMS = {"timeout_ms": 60_000, "first_token_ms": 4_000, "idle_ms": 2_000}
_RETRIES = {"per_candidate": 1, "base_ms": 100, "cap_ms": 1_000}
_BREAKER = {"window_s": 30, "min_requests": 5, "failure_percent": 100, "open_s": 5, "max_open_s": 20}
_HEDGING = {"after_ms": 300, "to": "next", "max_prompt_chars": 100, "budget_percent": 100}
_RULES = {"streams": _STREAMS, "retries": _RETRIES, "breaker": _BREAKER}
_LIMIT_S = {False: 20.0, True: 60.0}
_TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
_TOKEN = {"token": "a", "logprob": -0.1, "top_logprobs": [{"token": "a", "logprob": -0.1}]}
_ASK = {"messages": [{"role": "user", "content": "hello"}]}
_PAUSES = (0.0, 0.0, 0.0, 0.1, 0.5, 3.0, 100.0)


def _route(engine: str, **changes: object) -> dict[str, object]:
    both = [
        candidate(role, f"org/{role}", engine=engine, tool_calls=True) for role in ("primary", "alternative")
    ]
    return route(f"adept-{engine}", *both, **{**_RULES, **changes})


TABLE = parse_route_table(
    {
        "version": 2,
        "environment": "test",
        "use_cases": {"tgi": _route("tgi", hedging=_HEDGING), "vllm": _route("vllm")},
    }
)


class Subject:
    """What is asked, and what engines answer to it when they are well."""

    def __init__(
        self, path: str, body: dict[str, Any], whole: Any, events: Sequence[Any] | None, *, done: bool = True
    ) -> None:
        self.path = path
        self.body = body
        self.whole = whole
        self.events = events
        self.done = done


def _chat(model: str, whole: bytes, events: Sequence[Any], **fields: Any) -> Subject:
    return Subject("/v1/chat/completions", {"model": model, **_ASK, **fields}, json.loads(whole), events)


_LOGPROBS = {"content": [_TOKEN]}
_TGI_CALL = {"tool_calls": [{"id": "0", "type": "function", "function": {"name": "find", "arguments": "{}"}}]}
_VLLM_CALL = {
    "tool_calls": [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    ]
}
_GENERATED = {"generated_text": "he", "details": {"generated_tokens": 2, "finish_reason": "length"}}
SUBJECTS = (
    _chat(
        "tgi",
        recorded.tgi_chat({"content": "hello"}, logprobs=_LOGPROBS),
        [recorded.tgi_text("he"), recorded.tgi_text("llo", "stop")],
        stop=["lo"],
        logprobs=True,
    ),
    _chat(
        "tgi",
        recorded.tgi_chat(_TGI_CALL),
        [recorded.tgi_call("{", "find"), recorded.tgi_call("}"), recorded.TGI_USAGE],
        tools=[_TOOL],
    ),
    _chat(
        "vllm",
        recorded.vllm_chat({"content": "a"}, {"content": "b"}),
        [
            recorded.vllm_chunk({"role": "assistant", "content": ""}),
            recorded.vllm_chunk({"content": "a"}),
            recorded.vllm_chunk({"content": ""}, "stop"),
            recorded.vllm_chunk({"content": "b"}, "stop", index=1),
        ],
        n=2,
    ),
    _chat(
        "vllm",
        recorded.vllm_chat(_VLLM_CALL, finish_reason="tool_calls"),
        [recorded.vllm_chunk(_VLLM_CALL), recorded.vllm_chunk({}, "tool_calls"), recorded.TGI_USAGE],
        tools=[_TOOL],
        stream_options={"include_usage": True},
    ),
    Subject(
        "/v1/completions",
        {"model": "tgi", "prompt": ["a", "b"]},
        {"choices": [{"text": t, "index": i, "finish_reason": "length"} for i, t in enumerate("ab")]},
        [recorded.tgi_completion_chunk("a"), recorded.tgi_completion_chunk("b", 1, "stop", recorded.USAGE),
         recorded.tgi_completion_chunk("", 0, "length", recorded.USAGE)],
    ),
    Subject(
        "/v1/completions",
        {"model": "vllm", "prompt": "a", "logprobs": 1},
        {"choices": [{"text": "a", "index": 0, "finish_reason": "length", "logprobs": {"tokens": ["a"]}}]},
        [recorded.vllm_completion_chunk("a"), recorded.vllm_completion_chunk("", finish_reason="stop")],
    ),
    Subject(
        "/use-cases/tgi/invoke",
        {"inputs": "x"},
        [_GENERATED],
        [{"token": {"text": "he"}, "generated_text": None}, {"token": {"text": ""}, **_GENERATED}],
        done=False,
    ),
)  # fmt: skip


async def put_behind_the_router(chaos: Chaos, loop: FuzzLoop, upstream: SageMakerUpstream) -> None:
    """One request to engines of whom something is wrong as a rule. Raises whatever goes wrong."""
    subject, streamed = chaos.one(SUBJECTS), chaos.chance(0.6)
    body = {**subject.body, **({"stream": True} if streamed else {})}
    if not streamed:
        body.pop("stream_options", None)
    loop.replies = _replies(chaos, subject, streamed)
    traces: list[Trace] = []
    router = Router(TABLE, upstream, clock=now_s, random=chaos.random.random, observer=traces.append)
    request = Request("POST", subject.path, {}, {}, json.dumps(body).encode(), "req-1")
    started_s, buffered = now_s(), chaos.chance(0.3)
    response, trace = await router.handle(request, buffered=buffered)
    took_s = now_s() - started_s
    if isinstance(response.body, bytes):
        content, leaves = response.body, False
    else:
        leaves = chaos.chance(0.1)
        pieces = []
        async for piece in response.body:
            require(piece, "an empty piece")
            pieces.append(piece)
            if leaves:
                break
        took_s = now_s() - started_s
        await response.body.aclose()
        content = b"".join(pieces)
    require(took_s <= _LIMIT_S[streamed and not buffered] + 0.01, f"it took {took_s:.1f} s")
    check_answer(response.status, response.headers, content)
    check_told(traces, trace)
    upstream.close()
    for _ in range(3):
        await asyncio.sleep(0)
    require(not loop.open, "a connection stays open")


def _replies(chaos: Chaos, subject: Subject, streamed: bool) -> Iterator[Reply]:
    while True:
        raw = _stream(chaos, subject) if streamed and not chaos.chance(0.1) else _whole(chaos, subject)
        if chaos.chance(0.15):
            raw = chaos.broken(raw, 1 + chaos.below(3))
        steps: list[bytes | float] = []
        for piece in chaos.pieces(raw):
            steps += [chaos.one(_PAUSES), piece] if chaos.chance(0.3) else [piece]
        yield Reply(tuple(steps), stays=chaos.chance(0.7), resets=chaos.chance(0.5))


def _whole(chaos: Chaos, subject: Subject) -> bytes:
    if chaos.chance(0.25):
        return _refusal(chaos)
    raw = json.dumps(chaos.changed(subject.whole, 1 + chaos.below(2))).encode()
    if chaos.chance(0.1):
        raw = chaos.broken(raw)
    if chaos.chance(0.2):
        return head(200, {}, None) + http_chunk(raw) + b"0\r\n\r\n"
    return head(200, {"content-type": "application/json"}, len(raw)) + raw


_CODES = (
    "ModelError",
    "ThrottlingException",
    "ServiceUnavailable",
    "ValidationError",
    "InternalFailure",
    "x#y:z",
    "",
)


def _refusal(chaos: Chaos) -> bytes:
    said = json.dumps(chaos.changed({"error": "m", "error_type": "overloaded"}, chaos.below(3)))
    document = {
        "OriginalStatusCode": chaos.one((0, 400, 413, 422, 424, 429, 500, 503, 504)),
        "OriginalMessage": said,
    }
    body = json.dumps(chaos.changed(document, chaos.below(2))).encode()
    headers = {"x-amzn-errortype": chaos.one(_CODES)}
    if chaos.chance(0.3):
        headers["retry-after"] = chaos.one(
            ("0", "1", "7.5", "nan", "inf", "-1", "1e400", "Thu, 26 Nov 2026 15:00:00 GMT", "x")
        )
    return head(chaos.one((400, 403, 424, 429, 500, 502, 503, 302, 204, 999)), headers, len(body)) + body


def _stream(chaos: Chaos, subject: Subject) -> bytes:
    documents = list(subject.events or ())
    for _ in range(chaos.below(3)):
        at = chaos.below(len(documents))
        documents[at] = chaos.changed(documents[at], 1)
    if chaos.chance(0.1):
        documents.insert(chaos.below(len(documents)), chaos.value())
    text = b"".join(b"data: %s\n\n" % json.dumps(document).encode() for document in documents)
    if subject.done and not chaos.chance(0.05):
        text += b"data: [DONE]\n\n"
    if chaos.chance(0.15):
        text = chaos.broken(text)
    parts = b"".join(http_chunk(payload_part(piece)) for piece in chaos.pieces(text))
    if chaos.chance(0.1):
        parts += exception(
            chaos.one(("ModelStreamError", "InternalStreamFailure", "New")), ErrorCode="x", Message="m"
        )
    return stream_head() + parts + b"0\r\n\r\n"
