"""The command line's client and the router, face to face: what one sends, the other takes."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from endpoints.adapters.router_client import chat
from endpoints.adapters.stack_outputs import RouterAccess
from endpoints.catalogue import load_catalogue
from endpoints.errors import RemoteError
from endpoints.route_table import render_route_table
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.messages import Request
from lambdas.router.route_table_reader import parse_route_table
from lambdas.router.service import Router
from tests.unit.router.fake_upstream import FakeUpstream

ACCESS = RouterAccess("https://router.example/api", "key")
ANSWER = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


GPU_LOST = UpstreamError(FaultSource.SERVICE, "gpu lost", code="ModelError", status=500, from_engine=True)


@pytest.fixture(autouse=True)
def _served(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = load_catalogue()
    table = parse_route_table(render_route_table(catalogue, catalogue.environment("local")))
    upstream = FakeUpstream(primary=GPU_LOST, alternative=json.dumps(ANSWER).encode())
    router = Router(table, upstream)

    def serve(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api")
        work = router.handle(Request(request.method, path, body=request.content), buffered=True)
        response, _ = asyncio.run(work)
        assert isinstance(response.body, bytes)
        return httpx.Response(response.status, headers=dict(response.headers), content=response.body)

    original = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: original(transport=httpx.MockTransport(serve)))


def test_the_client_understands_who_answered_after_a_fall_over() -> None:
    answer = chat(ACCESS, "query-enhancement", "hi", system="be brief", max_tokens=8, temperature=0)
    assert (answer.text, answer.candidate, answer.attempts) == ("hello", "alternative", 2)
    assert answer.model_id == load_catalogue().use_case("query-enhancement").candidates[1].model_id
    assert (answer.prompt_tokens, answer.completion_tokens, answer.finish_reason) == (3, 1, "stop")


@pytest.mark.parametrize(
    ("use_case", "candidate", "says"),
    [("nothing", None, "no use case 'nothing'"), ("query-enhancement", "primary", "gpu lost")],
)
def test_the_client_tells_the_routers_own_words(use_case: str, candidate: str | None, says: str) -> None:
    with pytest.raises(RemoteError, match=says):
        chat(ACCESS, use_case, "hi", candidate=candidate)
