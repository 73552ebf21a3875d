"""The HTTP server on a loopback port, on both event loops that it runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lambdas.router.http.request_reader import RawRequest
from lambdas.router.messages import Response
from tests.unit.router.http.wire import GET, LIMIT_BYTES, Client, Echo, Pieces, post, run, served


def test_requests_on_one_connection_are_answered_in_turn(loop: str) -> None:
    async def work() -> None:
        async with served(Echo()) as (_, port):
            client = await Client.open(port)
            client.send(GET + post(b"one") + GET)  # pipelined
            bodies = [(await client.answer())[1] for _ in range(3)]
            assert bodies == [b"GET /a ", b"POST /x one", b"GET /a "]
            client.send(post(b"two"))  # and kept
            head, body = await client.answer()
            assert body == b"POST /x two"
            assert head.startswith("HTTP/1.1 200 OK\r\n")
            assert "\r\ndate: " in head
            assert "\r\nx-a: b\r\n" in head
            client.close()

    run(work(), loop)


def test_a_slow_answer_does_not_let_a_later_request_overtake_it(loop: str) -> None:
    async def reply(request: RawRequest) -> Response:
        await asyncio.sleep(0.05 if request.target == "/slow" else 0)
        return Response(200, request.target.encode())

    async def work() -> None:
        async with served(Echo(reply)) as (_, port):
            client = await Client.open(port)
            client.send(GET.replace(b"/a", b"/slow"))
            await asyncio.sleep(0.01)
            for _ in range(3):
                client.send(GET)
                await asyncio.sleep(0.005)
            assert [(await client.answer())[1] for _ in range(4)] == [b"/slow", b"/a", b"/a", b"/a"]
            client.close()

    run(work(), loop)


def test_the_connection_ends_where_the_client_says_so(loop: str) -> None:
    async def work() -> None:
        async with served(Echo()) as (_, port):
            client = await Client.open(port)
            client.send(b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
            assert b"connection: close" in await client.rest()
            client.close()

    run(work(), loop)


def test_head_and_204_have_no_body_and_no_length(loop: str) -> None:
    async def reply(request: RawRequest) -> Response:
        return Response(204 if request.method == "OPTIONS" else 200, b"", {"x-a": "b"})

    async def work() -> None:
        async with served(Echo(reply)) as (_, port):
            client = await Client.open(port)
            for method in (b"HEAD", b"OPTIONS"):
                client.send(method + b" / HTTP/1.1\r\nhost: t\r\n\r\n")
                assert "content-length" not in await client.head()
            client.close()

    run(work(), loop)


def test_a_client_that_asks_first_is_told_to_go_on_or_refused_at_once(loop: str) -> None:
    async def work() -> None:
        async with served(Echo()) as (_, port):
            client = await Client.open(port)
            client.send(post(b"", "expect: 100-continue", length=3))
            assert await client.head() == "HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"abc")
            assert (await client.answer())[1] == b"POST /x abc"
            client.send(post(b"", "expect: 100-continue", length=LIMIT_BYTES + 1))
            head, _ = await client.answer()
            assert head.startswith("HTTP/1.1 413 ")
            client.close()

    run(work(), loop)


def test_a_request_ahead_is_told_to_go_on_after_the_answer_before_it(loop: str) -> None:
    """Given a client that waits for it, then no word of that stands within the stream that it still reads."""
    go_on = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield b"one"
        await go_on.wait()
        yield b"two"

    async def reply(request: RawRequest) -> Response:
        return Response(200, Pieces(source())) if request.method == "GET" else Response(200, request.body)

    async def work() -> None:
        async with served(Echo(reply)) as (_, port):
            client = await Client.open(port)
            client.send(GET + post(b"", "expect: 100-continue", length=3))
            await client.head()
            assert await client.reader.readexactly(8) == b"3\r\none\r\n"
            await asyncio.sleep(0.02)
            go_on.set()
            assert await client.reader.readexactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"
            assert await client.head() == "HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"abc")
            assert (await client.answer())[1] == b"abc"
            client.close()

    run(work(), loop)


def test_what_is_too_large_is_refused_and_the_rest_of_it_is_not_waited_for(loop: str) -> None:
    async def work() -> None:
        echo = Echo()
        async with served(echo) as (_, port):
            client = await Client.open(port)
            client.send(post(b"x" * 100_000))
            head, body = await client.answer()
            assert head.startswith("HTTP/1.1 413 ")
            assert "connection: close" in head
            assert str(LIMIT_BYTES).encode() in body
            assert await client.rest() == b""
            client.close()
            assert echo.requests == []

    run(work(), loop)


def test_a_fault_of_ours_while_a_request_is_read_is_not_called_the_clients(loop: str) -> None:
    """Given a limit that cannot be told, then the crash is, and the client is cut off instead of being refused."""

    async def work() -> None:
        echo = Echo()
        async with served(echo) as (server, port):
            server.max_body_bytes = _fails
            client = await Client.open(port)
            client.send(post(b"x"))
            assert await _rest_of(client) == b""
            client.close()
        assert [type(crash) for crash in echo.crashes] == [LookupError]

    run(work(), loop)


def _fails() -> int:
    raise LookupError("no table")


async def _rest_of(client: Client) -> bytes:
    try:
        return await client.rest()
    except ConnectionError:  # it was cut off
        return b""


def test_a_bad_request_after_a_good_one_is_refused_after_the_good_ones_answer(loop: str) -> None:
    async def work() -> None:
        async with served(Echo()) as (_, port):
            client = await Client.open(port)
            client.send(GET + b"nonsense\r\n\r\n")
            assert (await client.answer())[1] == b"GET /a "
            assert (await client.answer())[0].startswith("HTTP/1.1 400 ")
            client.close()

    run(work(), loop)


def test_the_pieces_of_a_stream_arrive_one_by_one_and_its_end_is_marked(loop: str) -> None:
    asked = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield b"one"
        await asked.wait()
        yield b""
        yield b"two"

    async def work() -> None:
        pieces = Pieces(source())

        async def reply(_: RawRequest) -> Response:
            return Response(200, pieces, {"content-type": "text/event-stream"})

        async with served(Echo(reply)) as (_, port):
            client = await Client.open(port)
            client.send(GET)
            assert "transfer-encoding: chunked" in await client.head()
            assert await client.reader.readexactly(8) == b"3\r\none\r\n"
            asked.set()
            assert await client.reader.readexactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"
            client.send(GET)  # the connection is still good
            await client.head()
            client.close()
        assert pieces.closed

    run(work(), loop)


def test_an_old_client_gets_a_stream_without_chunks_that_ends_with_the_connection(loop: str) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def reply(_: RawRequest) -> Response:
        return Response(200, Pieces(source()))

    async def work() -> None:
        async with served(Echo(reply)) as (_, port):
            client = await Client.open(port)
            client.send(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            head, _, body = (await client.rest()).partition(b"\r\n\r\n")
            assert b"chunked" not in head
            assert body == b"onetwo"
            client.close()

    run(work(), loop)


def test_a_client_that_reads_slowly_slows_the_stream_down(loop: str) -> None:
    async def source() -> AsyncIterator[bytes]:
        for _ in range(2000):
            yield b"x" * 10_000

    async def work() -> None:
        pieces = Pieces(source())

        async def reply(_: RawRequest) -> Response:
            return Response(200, pieces)

        async with served(Echo(reply)) as (_, port):
            client = await Client.open(port)
            client.send(GET)
            await client.head()
            await asyncio.sleep(0.1)
            held = pieces.given
            assert held < 1500  # what the sockets hold, and not 20 MB
            await asyncio.sleep(0.05)
            assert pieces.given == held
            got = 0
            while got < 20_000_000:
                got += len(await client.reader.read(1 << 20))
            assert pieces.given == 2000
            client.close()

    run(work(), loop)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_goes_away_cancels_the_work_on_its_request(loop: str, streamed: bool) -> None:
    async def work() -> None:
        started, cancelled = asyncio.Event(), asyncio.Event()

        async def wait_forever() -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        async def source() -> AsyncIterator[bytes]:
            yield b"one"
            await wait_forever()

        pieces = Pieces(source())

        async def reply(_: RawRequest) -> Response:
            if not streamed:
                await wait_forever()
            return Response(200, pieces)

        echo = Echo(reply)
        async with served(echo) as (_, port):
            client = await Client.open(port)
            client.send(GET)
            await started.wait()
            client.close()
            await cancelled.wait()
            await asyncio.sleep(0)
        assert pieces.closed == (1 if streamed else 0)
        assert echo.crashes == []

    run(work(), loop)
