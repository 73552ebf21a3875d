"""The official OpenAI SDK against the router's own HTTP server on loopback: nobody here wrote the client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from lambdas.router.assembly import Assembly
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.http.server import HttpServer
from lambdas.router.service import Router
from lambdas.router.web import RouterApp
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import chunk, completion, events, table, whole_stream

OVERLOADED = UpstreamError(FaultSource.SERVICE, "overloaded", code="ModelError", status=429, from_engine=True)
CUT = UpstreamError(FaultSource.ANSWER, "SageMaker's answer was cut", code="AnswerCut")
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


@pytest.fixture
def upstream() -> FakeUpstream:
    return FakeUpstream(primary=completion("hi"), alternative=completion("hi"))


@pytest.fixture
def client(upstream: FakeUpstream) -> Iterator[OpenAI]:
    with (
        _served(Router(table(), upstream)) as url,
        OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client,
    ):
        yield client


@contextmanager
def _served(router: Router) -> Iterator[str]:
    """The router's server on an event loop in a thread of its own."""
    assembly = Assembly(router, table(), cast("Any", None))  # what it is made of is not asked for here
    loop, started = asyncio.new_event_loop(), threading.Event()
    stop, port = asyncio.Event(), 0

    async def serve() -> None:
        nonlocal port
        server = HttpServer(RouterApp(lambda _: assembly).app())
        port = await server.listen("127.0.0.1", 0)
        started.set()
        await stop.wait()
        await server.drain(1)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(5)
    yield f"http://127.0.0.1:{port}"
    loop.call_soon_threadsafe(stop.set)
    thread.join(5)
    loop.close()


def test_a_completion(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="query-enhancement", messages=HELLO)
    assert answer.choices[0].message.content == "hi"
    assert answer.model == "query-enhancement"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10
    assert answer._request_id


def test_a_stream(client: OpenAI, upstream: FakeUpstream) -> None:
    upstream.answers["primary"] = whole_stream()
    stream = client.chat.completions.create(model="query-enhancement", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "hello"


def test_a_stream_arrives_while_it_is_made(client: OpenAI, upstream: FakeUpstream) -> None:
    upstream.answers["primary"] = play(events(chunk("he"), done=False), 0.2, events(chunk("llo", "stop")))
    stream = client.chat.completions.create(model="query-enhancement", messages=HELLO, stream=True)
    assert next(stream).choices[0].delta.content == "he"
    assert "".join(each.choices[0].delta.content or "" for each in stream) == "llo"


def test_a_stream_that_breaks_raises_and_never_ends_as_if_it_were_whole(
    client: OpenAI, upstream: FakeUpstream
) -> None:
    upstream.answers["primary"] = play(events(chunk("he"), done=False), CUT)
    stream = client.chat.completions.create(model="query-enhancement", messages=HELLO, stream=True)
    assert next(stream).choices[0].delta.content == "he"
    with pytest.raises(openai.APIError, match="cut short"):
        next(stream)


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
