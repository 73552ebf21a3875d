"""The HTTP server's limits: how many, how long, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from lambdas.router.http import serving
from lambdas.router.http.request_reader import RawRequest
from lambdas.router.http.server import HttpServer
from lambdas.router.http.serving import Phase, ServerConnection
from lambdas.router.messages import Response
from tests.unit.router.http.wire import GET, Client, Echo, Pieces, post, run, served


def test_more_requests_than_it_takes_get_a_503_and_the_others_their_answers(loop: str) -> None:
    async def work() -> None:
        go_on = asyncio.Event()

        async def reply(_: RawRequest) -> Response:
            await go_on.wait()
            return Response(200)

        async with served(Echo(reply), max_in_flight=2) as (_, port):
            clients = [await Client.open(port) for _ in range(3)]
            for client in clients:
                client.send(GET)
                await asyncio.sleep(0.01)
            assert (await clients[2].answer())[0].startswith("HTTP/1.1 503 ")
            go_on.set()
            for client in clients[:2]:
                assert (await client.answer())[0].startswith("HTTP/1.1 200 ")
            clients[2].send(GET)
            assert (await clients[2].answer())[0].startswith("HTTP/1.1 200 ")
            for client in clients:
                client.close()

    run(work(), loop)


class Sink(asyncio.Transport):
    """A connection of which the test is the network."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data


def test_of_requests_in_one_turn_of_the_loop_only_those_too_many_get_a_503() -> None:
    async def work() -> None:
        async def reply(_: RawRequest) -> Response:
            await asyncio.sleep(0)
            return Response(200)

        server = HttpServer(Echo(reply).app(), max_in_flight=2)
        sinks = [Sink() for _ in range(3)]
        for sink in sinks:
            connection = ServerConnection(server)
            connection.connection_made(sink)
            connection.data_received(GET)
        while not all(sink.written for sink in sinks):
            await asyncio.sleep(0)
        assert [sink.written.split()[1] for sink in sinks] == [b"200", b"200", b"503"]

    run(work())


def test_more_connections_than_it_takes_are_closed(loop: str) -> None:
    async def work() -> None:
        async with served(Echo(), max_connections=1) as (_, port):
            first, second = await Client.open(port), await Client.open(port)
            with suppress(ConnectionError):
                assert await second.rest() == b""
            first.send(GET)
            assert (await first.answer())[1] == b"GET /a "
            first.close()
            second.close()

    run(work(), loop)


def test_an_app_that_raises_costs_its_client_the_connection_and_is_told_of(loop: str) -> None:
    async def reply(_: RawRequest) -> Response:
        raise RuntimeError("a secret")

    async def work() -> None:
        echo = Echo(reply)
        async with served(echo) as (_, port):
            client = await Client.open(port)
            client.send(GET)
            with suppress(ConnectionError):
                assert await client.rest() == b""
            client.close()
        assert [str(error) for error in echo.crashes] == ["a secret"]

    run(work(), loop)


@pytest.mark.parametrize(
    ("phase", "sent", "status"),
    [
        (Phase.IDLE, b"", b""),
        (Phase.HEAD, b"GET / HTTP/1.1\r\nx: ", b"HTTP/1.1 408 "),
        (Phase.BODY, post(b"a", length=3), b"HTTP/1.1 408 "),
    ],
)
def test_a_client_that_takes_too_long_to_ask_is_given_up(
    monkeypatch: pytest.MonkeyPatch, loop: str, phase: Phase, sent: bytes, status: bytes
) -> None:
    monkeypatch.setitem(serving.LIMITS_S, phase, 0.05)
    monkeypatch.setattr("lambdas.router.http.server.LOOK_EVERY_S", 0.02)

    async def work() -> None:
        async with served(Echo()) as (_, port):
            client = await Client.open(port)
            client.send(sent)
            trickle = asyncio.create_task(_trickle(client, b"y" if phase is Phase.HEAD else b""))
            with suppress(ConnectionError):
                assert (await client.rest()).startswith(status)
            trickle.cancel()
            client.close()

    run(work(), loop)


async def _trickle(client: Client, byte: bytes) -> None:
    """A byte now and then: what keeps naive time-outs alive."""
    while True:
        await asyncio.sleep(0.01)
        client.send(byte)


def test_a_client_that_stops_reading_its_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setitem(serving.LIMITS_S, Phase.STALLED, 0.05)
    monkeypatch.setattr("lambdas.router.http.server.LOOK_EVERY_S", 0.02)

    async def source() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000

    async def work() -> None:
        pieces = Pieces(source())

        async def reply(_: RawRequest) -> Response:
            return Response(200, pieces)

        async with served(Echo(reply)) as (_, port):
            client = await Client.open(port)
            client.send(GET)
            while not pieces.closed:
                await asyncio.sleep(0.01)
            client.close()

    run(work(), loop)


def test_draining_finishes_what_is_under_way_and_takes_nothing_new(loop: str) -> None:
    async def work() -> None:
        go_on = asyncio.Event()

        async def reply(_: RawRequest) -> Response:
            await go_on.wait()
            return Response(200, b"done")

        async with served(Echo(reply)) as (server, port):
            idle, busy = await Client.open(port), await Client.open(port)
            busy.send(GET)
            await asyncio.sleep(0.02)
            draining = asyncio.create_task(server.drain(2))
            assert await idle.rest() == b""  # at once
            with pytest.raises(ConnectionRefusedError):
                await Client.open(port)
            go_on.set()
            head, body = await busy.answer()
            assert body == b"done"
            assert "connection: close" in head
            await draining
            idle.close()
            busy.close()

    run(work(), loop)


def test_a_drain_closes_a_kept_connection_whose_stream_it_let_end(loop: str) -> None:
    async def work() -> None:
        go_on = asyncio.Event()

        async def source() -> AsyncIterator[bytes]:
            yield b"one"
            await go_on.wait()

        async def reply(_: RawRequest) -> Response:
            return Response(200, Pieces(source()))

        async with served(Echo(reply)) as (server, port):
            client = await Client.open(port)
            client.send(GET)
            assert "connection: close" not in await client.head()  # it is not draining yet
            draining = asyncio.create_task(server.drain(30))
            await asyncio.sleep(0.01)
            go_on.set()
            assert (await client.rest()).endswith(b"0\r\n\r\n")
            await draining
            client.close()

    run(work(), loop)


def test_what_outlasts_the_drain_is_cancelled(loop: str) -> None:
    async def work() -> None:
        cancelled = asyncio.Event()

        async def reply(_: RawRequest) -> Response:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            raise AssertionError

        async with served(Echo(reply)) as (server, port):
            client = await Client.open(port)
            client.send(GET)
            await asyncio.sleep(0.02)
            await server.drain(0.02)
            await asyncio.sleep(0.02)
            assert cancelled.is_set()
            client.close()

    run(work(), loop)
