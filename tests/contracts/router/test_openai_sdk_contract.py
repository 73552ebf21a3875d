"""The official OpenAI SDK against the router, over HTTP on loopback: nobody here wrote the client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.messages import Request
from lambdas.router.service import Router
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import completion, table, whole_stream

OVERLOADED = UpstreamError(FaultSource.SERVICE, "overloaded", code="ModelError", status=429, from_engine=True)
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


@pytest.fixture
def upstream() -> FakeUpstream:
    return FakeUpstream(primary=completion("hi"), alternative=completion("hi"))


@pytest.fixture
def client(upstream: FakeUpstream) -> Iterator[OpenAI]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(Router(table(), upstream)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    with OpenAI(
        base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="unused", max_retries=0
    ) as client:
        yield client
    server.shutdown()
    server.server_close()


def _handler(router: Router) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            request = Request(self.command, self.path, body=body, request_id="req-1")
            response, _ = asyncio.run(router.handle(request, buffered=True))
            assert isinstance(response.body, bytes)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


def test_a_completion(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="query-enhancement", messages=HELLO)
    assert answer.choices[0].message.content == "hi"
    assert answer.model == "query-enhancement"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10
    assert answer._request_id == "req-1"


def test_a_stream(client: OpenAI, upstream: FakeUpstream) -> None:
    upstream.answers["primary"] = whole_stream()
    stream = client.chat.completions.create(model="query-enhancement", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "hello"


def test_the_list_of_models(client: OpenAI) -> None:
    assert "query-enhancement:alternative" in [model.id for model in client.models.list()]
    assert client.models.retrieve("query-enhancement:alternative").owned_by == "adept"


def test_each_error_raises_the_sdks_own_exception(client: OpenAI, upstream: FakeUpstream) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nothing", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="query-enhancement", messages=HELLO, max_tokens=101)
    assert refused.value.param == "max_tokens"
    upstream.answers = {"primary": OVERLOADED, "alternative": OVERLOADED}
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model="query-enhancement", messages=HELLO)
    assert limited.value.response.headers["retry-after"] == "1"
