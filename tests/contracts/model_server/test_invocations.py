"""SageMaker's container contract and TGI's schemas, over a real model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from endpoints.local.containers import RunningContainer
from endpoints.local.model_servers import LocalContainerHost
from tests.contracts.model_server.conftest import START_TIMEOUT_S, spec, sse_documents

Invoke = Callable[[Any], httpx.Response]
MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Who is the candidate?"}]


def test_ping_answers_200_with_an_empty_body(container: RunningContainer) -> None:
    answer = httpx.get(f"{container.base_url}/ping")
    assert (answer.status_code, answer.content) == (200, b"")


def test_generate(invoke: Invoke) -> None:
    answer = invoke({"inputs": "The candidate", "parameters": {"max_new_tokens": 8, "details": True}})
    assert answer.status_code == 200
    [body] = answer.json()
    details = body["details"]
    tokens = details["tokens"]
    assert body["generated_text"] == "".join(token["text"] for token in tokens if not token["special"])
    assert body["generated_text"].startswith(" ")  # the first token keeps its space
    assert details["generated_tokens"] == len(tokens) <= 8
    assert all(token["id"] > 0 and token["logprob"] < 0 for token in tokens if not token["special"])
    assert answer.headers["x-prompt-tokens"] == "2"


def test_generate_is_deterministic_without_sampling(invoke: Invoke) -> None:
    texts = {invoke({"inputs": "The candidate"}).json()[0]["generated_text"] for _ in range(3)}
    assert len(texts) == 1


def test_generate_streams_a_token_per_event(invoke: Invoke) -> None:
    whole = invoke({"inputs": "The candidate"}).json()[0]["generated_text"]
    answer = invoke({"inputs": "The candidate", "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = sse_documents(answer.text)
    assert events[-1]["generated_text"] == whole
    assert "".join(event["token"]["text"] for event in events if not event["token"]["special"]) == whole


def test_chat(invoke: Invoke) -> None:
    body = invoke({"messages": MESSAGES, "max_tokens": 40, "temperature": 0}).json()
    assert body["choices"][0]["message"]["content"]
    assert body["choices"][0]["finish_reason"] in {"stop", "length"}
    assert (
        body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    )
    assert body["model"] == "adept/tiny-1"


def test_a_chat_stream_says_the_same_as_the_whole_answer(invoke: Invoke) -> None:
    request = {"messages": MESSAGES, "max_tokens": 40, "temperature": 0}
    whole = invoke(request).json()
    stream = invoke({**request, "stream": True, "stream_options": {"include_usage": True}})
    *chunks, counts, done = sse_documents(stream.text)
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks)
    assert text == whole["choices"][0]["message"]["content"]
    assert counts["usage"] == whole["usage"]
    assert done == "[DONE]"


def test_completion(invoke: Invoke) -> None:
    body = invoke({"prompt": ["The candidate", "Demand for"], "max_tokens": 5, "temperature": 0}).json()
    assert [choice["finish_reason"] for choice in body["choices"]] == ["length", "length"]
    assert body["usage"] == {"prompt_tokens": 4, "completion_tokens": 10, "total_tokens": 14}


def test_a_stop_sequence_ends_the_answer_and_is_part_of_it(invoke: Invoke) -> None:
    body = invoke({"messages": MESSAGES, "stop": ["."], "temperature": 0}).json()
    [choice] = body["choices"]
    assert choice["finish_reason"] == "stop_sequence"
    assert choice["message"]["content"].count(".") == 1
    assert choice["message"]["content"].endswith(".")


def test_an_answer_can_be_held_to_a_schema(invoke: Invoke) -> None:
    schema = {
        "type": "object",
        "properties": {"remote": {"type": "boolean"}, "level": {"enum": ["junior", "senior"]}},
        "required": ["remote", "level"],
        "additionalProperties": False,
    }
    response_format = {"type": "json_object", "value": schema}
    body = invoke({"messages": MESSAGES, "response_format": response_format, "max_tokens": 200}).json()
    answer = json.loads(body["choices"][0]["message"]["content"])
    assert set(answer) == {"remote", "level"}


def test_the_tiny_model_ends_what_a_schema_leaves_open(invoke: Invoke) -> None:
    """Left alone it would fill the first text until its tokens are used up: it knows no quotation marks."""
    schema = {
        "properties": {
            "title": {"type": "string"},
            "skills": {"type": "array", "items": {"type": "string"}},
            "years": {"type": "integer"},
        },
        "required": ["title", "skills", "years"],
    }
    response_format = {"type": "json", "value": schema}
    body = invoke({"messages": MESSAGES, "response_format": response_format, "max_tokens": 200}).json()
    answer = json.loads(body["choices"][0]["message"]["content"])
    assert isinstance(answer["title"], str)
    assert isinstance(answer["skills"], list)
    assert isinstance(answer["years"], int)


def test_a_tool_is_called_whole_and_streamed(invoke: Invoke) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    request = {"messages": MESSAGES, "tools": [tool], "tool_choice": "weather", "max_tokens": 200}
    message = invoke(request).json()["choices"][0]["message"]
    (call,) = message["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city"}
    assert "content" not in message

    *chunks, done = sse_documents(invoke({**request, "stream": True}).text)
    assert done == "[DONE]"
    pieces = [chunk["choices"][0]["delta"]["tool_calls"][0]["function"] for chunk in chunks]
    assert pieces[0]["name"] == "weather"
    assert set(json.loads("".join(piece["arguments"] for piece in pieces))) == {"city"}


def test_a_grammar_that_cannot_be_compiled_is_a_failed_generation(invoke: Invoke) -> None:
    parameters = {"grammar": {"type": "regex", "value": "(unclosed"}}
    answer = invoke({"inputs": "x", "parameters": parameters})
    assert (answer.status_code, answer.json()["error_type"]) == (424, "generation")


def test_primary_and_alternative_are_different_models(
    host: LocalContainerHost, container: RunningContainer
) -> None:
    other = host.start(spec("alternative"), timeout_s=START_TIMEOUT_S)
    request = {"messages": MESSAGES, "temperature": 0, "max_tokens": 40}
    first, second = (
        httpx.post(f"{one.base_url}/invocations", json=request, timeout=30).json()
        for one in (container, other)
    )
    assert first["model"] != second["model"]
    assert first["choices"][0]["message"]["content"] != second["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("document", "status", "words"),
    [
        (
            {"inputs": "x", "parameters": {"max_new_tokens": 2000}},
            422,
            "`inputs` tokens + `max_new_tokens` must be <= 2000. "
            "Given: 1 `inputs` tokens and 2000 `max_new_tokens`",
        ),
        ({"inputs": "candidate " * 1200}, 422, "`inputs` must have less than 1000 tokens. Given: "),
        ({"inputs": "x", "parameters": {"top_p": 2.0}}, 422, "`top_p` must be > 0.0 and < 1.0"),
    ],
)
def test_validation_errors_are_worded_like_tgis(
    document: Any, status: int, words: str, invoke: Invoke
) -> None:
    answer = invoke(document)
    assert answer.status_code == status
    assert answer.json()["error_type"] == "validation"
    assert answer.json()["error"].startswith(f"Input validation error: {words}")


def test_what_is_not_a_request_is_refused_like_axum_does(container: RunningContainer) -> None:
    url = f"{container.base_url}/invocations"
    json_type = {"content-type": "application/json"}
    assert httpx.post(url, content=b"{", headers=json_type).status_code == 400
    assert httpx.post(url, content=b"{}", headers=json_type).status_code == 422
    assert httpx.post(url, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert httpx.post(url, content=b" " * 2_100_000, headers=json_type).status_code == 413
    assert httpx.get(url).status_code == 405


def test_several_requests_make_progress_at_the_same_time(container: RunningContainer) -> None:
    grammar = {"type": "regex", "value": "a{1500}"}  # long enough that all of them are under way at once
    request = {"inputs": "x", "parameters": {"max_new_tokens": 1500, "grammar": grammar}, "stream": True}
    together = threading.Barrier(4)

    def first_and_last_event(_: int) -> tuple[float, float]:
        with httpx.Client(timeout=60) as client:
            together.wait()
            with client.stream("POST", f"{container.base_url}/invocations", json=request) as answer:
                times = [time.monotonic() for line in answer.iter_lines() if line.startswith("data:")]
        return times[0], times[-1]

    with ThreadPoolExecutor(4) as pool:
        spans = list(pool.map(first_and_last_event, range(4)))
    assert max(first for first, _ in spans) < min(last for _, last in spans)


def long_request(*, stream: bool) -> dict[str, Any]:
    """Seconds of work that a client can walk away from."""
    grammar = {"type": "regex", "value": "a{9000}"}
    return {"inputs": "x", "parameters": {"max_new_tokens": 9000, "grammar": grammar}, "stream": stream}


@pytest.fixture
def busy_url(host: LocalContainerHost) -> Iterator[str]:
    """A container that takes one request at a time."""
    one_at_a_time = {"MAX_CONCURRENT_REQUESTS": "1", "MAX_TOTAL_TOKENS": "10000"}
    busy = host.start(spec(**one_at_a_time), timeout_s=START_TIMEOUT_S)
    yield f"{busy.base_url}/invocations"
    host.stop(busy.container_id)


def seconds_until_free(client: httpx.Client, url: str) -> float:
    started = time.monotonic()
    while client.post(url, json={"inputs": "x"}).status_code == 429:
        assert time.monotonic() < started + 10, "an abandoned answer is still being generated"
        time.sleep(0.02)
    return time.monotonic() - started


def test_more_requests_than_the_container_takes_are_refused_as_overload(busy_url: str) -> None:
    with httpx.Client(timeout=30) as client:
        # Given a long answer under way
        with client.stream("POST", busy_url, json=long_request(stream=True)) as long_answer:
            lines = long_answer.iter_lines()  # kept: httpx hangs up when it is collected
            next(lines)
            # When another request comes
            refusal = client.post(busy_url, json={"inputs": "x"})
        # Then it is refused
        assert refusal.status_code == 429
        assert refusal.json() == {"error": "Model is overloaded", "error_type": "overloaded"}
        # and once the first client is gone, so is its work
        assert seconds_until_free(client, busy_url) < 1.0


def test_an_abandoned_answer_is_stopped(busy_url: str) -> None:
    with httpx.Client(timeout=30) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(busy_url, json=long_request(stream=False), timeout=0.3)
        assert seconds_until_free(client, busy_url) < 1.0
