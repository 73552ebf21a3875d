"""Inputs of the core: what callers send, to candidates that are well."""

from __future__ import annotations

import json
from typing import Any

from lambdas.router.messages import Request
from lambdas.router.route_table_reader import parse_route_table
from lambdas.router.service import Router
from lambdas.router.trace import Trace
from tests.fuzz.chaos import Chaos
from tests.fuzz.holds import check_answer, check_told, require
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import body_of, candidate, completion, route, table_document, whole_stream
from tests.unit.router.virtual import now_s

_EXPERIMENT = {
    "id": "e",
    "salt": "s",
    "weights": {"primary": 1, "alternative": 1},
    "sticky_by": ["user", "session"],
}
_BOTH = (
    candidate("primary", "org/a", engine="vllm", languages=["en", "de"], structured_output=True),
    candidate("alternative", "org/b", licence="custom"),
)
TABLE = parse_route_table(
    table_document(**{"try-out": route("adept-test-try-out", *_BOTH, experiment=_EXPERIMENT, log_text=True)})
)
_LIMIT_S = 61.0
_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "s", "schema": {"type": "object", "properties": {}}},
}
_MODELS = (
    "query-enhancement",
    "query-enhancement:alternative",
    "job-parsing",
    "try-out",
    "try-out:org/b",
    "org/a",
)
CHAT: dict[str, Any] = {
    "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "hello"}]
}
_FIELDS: dict[str, Any] = {
    "max_tokens": 10, "temperature": 1, "top_p": 0.9, "n": 1, "stop": ["a"], "stream": True, "user": "u",
    "stream_options": {"include_usage": True}, "tools": [_TOOL], "tool_choice": "auto", "logprobs": True,
    "top_logprobs": 2, "response_format": _SCHEMA, "seed": 1, "logit_bias": {"1": 2}, "metadata": {"a": "b"},
    "presence_penalty": 0.1, "frequency_penalty": 0.1, "parallel_tool_calls": True, "max_completion_tokens": 10,
}  # fmt: skip
_HEADERS = {
    "x-adept-candidate": ("primary", "alternative", "org/b", "best"),
    "x-adept-require": (
        "license=permissive",
        "languages=de+fr, context=6000",
        "structured-output",
        "x=y",
        "=",
        ",,",
    ),
    "x-adept-timeout-ms": ("1", "100", "5000", "-1", "1e3", "٣", "999999999999"),
    "x-adept-session": ("s", ""),
    "content-encoding": ("gzip", "identity", "IDENTITY"),
    "content-type": ("application/json", "text/plain"),
    "traceparent": ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-x"),
}
_PATHS = (
    *(
        "/v1/chat/completions",
        "/v1/completions",
        "/use-cases/query-enhancement/invoke",
        "/v1/models",
        "/health",
    ),
    *("/v1/models/query-enhancement%3Aprimary", "/v1/models/org/a", "/", "", "//", "/v1/chat/completions/"),
)
_METHODS = ("POST", "POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "DELETE", "", "\r\n")


def request_of(chaos: Chaos) -> Request:
    """A request like a caller's, with something wrong in it as a rule."""
    kind = chaos.below(10)
    path, body = _chat(chaos)
    if kind == 0:
        path, body = "/v1/completions", {"model": chaos.one(_MODELS), "prompt": chaos.one(("x", ["a", "b"]))}
    elif kind == 1:
        path = "/use-cases/query-enhancement/invoke"
        body = {"inputs": "x", "parameters": {"max_new_tokens": 5}, "stream": chaos.chance(0.5)}
    raw = json.dumps(chaos.changed(body, chaos.below(4))).encode()
    if chaos.chance(0.2):
        raw = chaos.broken(raw, 1 + chaos.below(3))
    method = "POST"
    if chaos.chance(0.1):
        method, path = chaos.one(_METHODS), chaos.one(_PATHS)
    if chaos.chance(0.05):
        path = chaos.broken(path.encode()).decode("latin-1")
    query = {"candidate": chaos.one(("primary", "alternative", "", "x"))} if chaos.chance(0.1) else {}
    return Request(method, path, _headers(chaos), query, raw, "req-1")


def _chat(chaos: Chaos) -> tuple[str, dict[str, Any]]:
    body = {"model": chaos.one(_MODELS), **CHAT}
    for _ in range(chaos.below(4)):
        name = chaos.one(list(_FIELDS))
        body[name] = _FIELDS[name]
    return "/v1/chat/completions", body


def _headers(chaos: Chaos) -> dict[str, str]:
    if chaos.chance(0.7):
        return {}
    name = chaos.one(list(_HEADERS))
    value = chaos.one(_HEADERS[name])
    return {name: chaos.broken(value.encode()).decode("latin-1") if chaos.chance(0.3) else value}


async def put_to_the_core(chaos: Chaos) -> None:
    """One request. Raises whatever goes wrong."""
    request = request_of(chaos)
    whole, streamed = completion(), whole_stream()
    good = streamed if b'"stream": true' in request.body else whole
    traces: list[Trace] = []
    router = Router(TABLE, FakeUpstream(primary=good, alternative=good), clock=now_s, observer=traces.append)
    started_s = now_s()
    response, trace = await router.handle(request, buffered=chaos.chance(0.3))
    check_answer(response.status, response.headers, await body_of(response))
    require(now_s() - started_s <= _LIMIT_S, "it took longer than its deadline")
    check_told(traces, trace)
