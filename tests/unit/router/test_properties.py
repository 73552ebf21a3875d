"""Whatever arrives, the caller gets an answer or a well-formed OpenAI error; never an exception."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.router.messages import Request
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import ask, chat_body, completion, error_of, events

PATHS = st.sampled_from(
    [
        "/v1/chat/completions",
        "/v1/completions",
        "/use-cases/query-enhancement/invoke",
        "/v1/models/%ff%0d%0ax",
        "/x",
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PATCH", ""])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    *("model", "messages", "n", "stream", "max_tokens", "max_completion_tokens", "temperature", "top_p"),
    *("presence_penalty", "frequency_penalty", "stop", "tools", "inputs", "parameters", "seed"),
    *("tool_choice", "parallel_tool_calls", "response_format", "logprobs", "top_logprobs", "logit_bias"),
    *("stream_options", "user", "store", "modalities", "prompt", "echo", "suffix", "best_of"),
)


def answered(request: Request) -> None:
    good = completion()
    response, _ = ask(request, FakeUpstream(primary=good, alternative=good))
    assert not any(char < " " for value in response.headers.values() for char in value)  # no header injection
    if response.status >= 300:
        error_of(response)


@given(method=METHODS, path=PATHS, body=st.binary(max_size=200))
def test_any_bytes(method: str, path: str, body: bytes) -> None:
    answered(Request(method, path, body=body))


@given(path=PATHS, document=JSON)
def test_any_json(path: str, document: Any) -> None:
    answered(Request("POST", path, body=json.dumps(document).encode()))


@settings(max_examples=300)
@given(path=PATHS, fields=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
def test_any_values_of_the_known_fields(path: str, fields: dict[str, Any]) -> None:
    body = chat_body()
    if path == "/v1/completions":
        body = {"model": "query-enhancement", "prompt": "x"}
    elif path.startswith("/use-cases"):
        body |= {"inputs": "x"}
    answered(Request("POST", path, body=json.dumps(body | fields).encode()))


@given(messages=st.lists(st.dictionaries(st.sampled_from(["role", "content", "name"]), JSON), max_size=5))
def test_any_messages(messages: list[Any]) -> None:
    answered(Request("POST", "/v1/chat/completions", body=json.dumps(chat_body(messages=messages)).encode()))


@given(
    part=st.sampled_from(["tools", "tool_choice", "response_format", "stream_options"]),
    inner=st.dictionaries(
        st.sampled_from(["type", "function", "name", "parameters", "json_schema", "schema", "value"]), JSON
    ),
)
def test_any_tools_and_formats(part: str, inner: dict[str, Any]) -> None:
    given = [inner] if part == "tools" else inner
    fields: dict[str, Any] = {"tools": [{"type": "function", "function": {"name": "f"}}], part: given}
    answered(Request("POST", "/v1/chat/completions", body=json.dumps(chat_body(**fields)).encode()))


CHUNK = st.fixed_dictionaries(
    {},
    optional={
        name: JSON
        | st.lists(st.dictionaries(st.sampled_from(["index", "delta", "text", "finish_reason"]), JSON))
        for name in ("id", "created", "model", "choices", "usage", "error")
    },
)


@settings(max_examples=300)
@given(st.lists(CHUNK, max_size=4), st.sampled_from(["/v1/chat/completions", "/v1/completions"]))
def test_any_chunks_of_an_engine(chunks: list[dict[str, Any]], path: str) -> None:
    body = {"model": "query-enhancement", "stream": True, "prompt": "x"}
    body |= {} if path == "/v1/completions" else chat_body()
    stream = events(*chunks)
    response, _ = ask(
        Request("POST", path, body=json.dumps(body).encode()),
        FakeUpstream(primary=stream, alternative=stream),
    )
    if response.status >= 300:
        error_of(response)
