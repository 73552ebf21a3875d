"""The HTTP client against servers that do, byte for byte, what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lambdas.router.http import connection as connection_module
from lambdas.router.http import pool as pool_module
from lambdas.router.http.client import Fetched, HttpClient
from lambdas.router.http.errors import BadResponse, ConnectFailed, ConnectionLost, HttpError, TimedOut
from lambdas.router.http.origin import Origin
from tests.unit.router.http.wire import run

REQUEST = b"POST /x HTTP/1.1\r\nhost: t\r\ncontent-length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LIMIT_BYTES = 1000
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Scripted:
    """Plays `scripts`, one per connection, the last one again and again."""

    scripts: list[Script]
    url: str = ""
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # a connection has ended
    playing: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        self.playing.add(asyncio.current_task())
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(reader, writer)
        finally:
            writer.close()
            self.gone.set()

    def end(self) -> None:
        for task in self.playing:
            if task is not None:
                task.cancel()


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[tuple[Scripted, HttpClient]]:
    """A server, and a client of it that is closed in the end."""
    server = Scripted(list(scripts))
    listener = await asyncio.start_server(server.play, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    client = HttpClient(Origin.parse(server.url))
    try:
        yield server, client
    finally:
        client.close()
        listener.close()
        server.end()
        await asyncio.sleep(0.01)  # the closed connections end


def answers(*replies: bytes, then: float = 0.0) -> Script:
    """One reply per request; afterwards the connection closes, `then` seconds later."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
        await asyncio.sleep(then)

    return script


def holds(*pieces: bytes, pause_s: float = 0.0) -> Script:
    """The pieces of one reply, and then nothing until the client goes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause_s)
        await reader.read()

    return script


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def fetch(client: HttpClient, within_s: float = 2.0) -> Fetched:
    return await client.fetch(REQUEST, asyncio.get_running_loop().time() + within_s, LIMIT_BYTES)


async def error_of(client: HttpClient, within_s: float = 2.0) -> HttpError:
    with pytest.raises(HttpError) as caught:
        await fetch(client, within_s)
    return caught.value


def test_an_answer_is_fetched_whole_and_the_connection_kept(loop: str) -> None:
    async def work() -> None:
        async with scripted(answers(OK, CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", OK, then=1)) as (server, client):
            for _ in range(3):
                answer = await fetch(client)
                assert (answer.status, answer.body) == (200, b"hi")
            assert answer.headers["x-a"] == "b"
            assert server.connections == 1

    run(work(), loop)


def test_an_interim_answer_is_not_the_answer(loop: str) -> None:
    async def work() -> None:
        interim = b"HTTP/1.1 103 Early Hints\r\nx-early: 1\r\n\r\n"
        async with scripted(answers(interim + OK)) as (_, client):
            answer = await fetch(client)
            assert (answer.status, answer.body) == (200, b"hi")
            assert "x-early" not in answer.headers

    run(work(), loop)


def test_an_answer_without_a_length_ends_with_the_connection(loop: str) -> None:
    async def work() -> None:
        async with scripted(answers(b"HTTP/1.1 200 OK\r\n\r\nhi")) as (server, client):
            assert (await fetch(client)).body == b"hi"
            assert (await fetch(client)).body == b"hi"
            assert server.connections == 2

    run(work(), loop)


@pytest.mark.parametrize(
    "ending", [OK.replace(b"X-A: b", b"connection: close"), OK + b"HTTP/1.1 500 Evil\r\n\r\n", OK + b"junk"]
)
def test_a_connection_is_not_used_again_after_what_says_that_it_cannot_be(loop: str, ending: bytes) -> None:
    async def work() -> None:
        async with scripted(answers(ending, OK, then=1), answers(OK, then=1)) as (server, client):
            for _ in range(2):
                answer = await fetch(client)
                assert (answer.status, answer.body) == (200, b"hi")
            assert server.connections == 2

    run(work(), loop)


def test_what_comes_unasked_on_an_idle_connection_is_never_taken_for_an_answer(loop: str) -> None:
    said = asyncio.Event()

    async def unasked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await asyncio.sleep(0.01)
        writer.write(b"HTTP/1.1 408 Too Slow\r\ncontent-length: 0\r\n\r\n")
        said.set()
        await asyncio.sleep(1)

    async def work() -> None:
        async with scripted(unasked, answers(OK, then=1)) as (server, client):
            await fetch(client)
            await said.wait()
            await asyncio.sleep(0.03)
            assert (await fetch(client)).status == 200
            assert server.connections == 2

    run(work(), loop)


def test_a_kept_connection_that_went_stale_is_replaced_once(loop: str) -> None:
    async def work() -> None:
        async with scripted(answers(OK, b"", then=0), answers(OK, then=1)) as (server, client):
            await fetch(client)
            assert (await fetch(client)).body == b"hi"
            assert server.connections == 2
        async with scripted(answers(OK, b"", then=0), answers(b"", then=0)) as (server, client):
            await fetch(client)
            error = await error_of(client)
            assert isinstance(error, ConnectionLost)
            assert not error.began
            assert error.asked == 2
            assert server.connections == 2

    run(work(), loop)


def test_a_server_that_hangs_up_on_requests_is_not_asked_on_every_kept_connection(loop: str) -> None:
    """Given two kept connections and a server that hangs up on whatever comes, then one of them is tried, and once."""

    async def work() -> None:
        hangs_up = answers(OK, b"", then=0)
        async with scripted(hangs_up, hangs_up, answers(b"", then=0), answers(b"", then=0)) as (
            server,
            client,
        ):
            await asyncio.gather(fetch(client), fetch(client))
            assert server.connections == 2
            first, second = await error_of(client), await error_of(client)
            assert isinstance(first, ConnectionLost)
            assert isinstance(second, ConnectionLost)
            assert (first.asked, second.asked) == (2, 1)
            assert server.connections == 4

    run(work(), loop)


def test_connections_of_a_server_that_hangs_up_now_and_then_do_not_pile_up(loop: str) -> None:
    """Given a kept connection and a new one that were hung up on, then those that answer afterwards are used again."""

    async def work() -> None:
        hangs_up, well = answers(b"", then=0), answers(*[OK] * 20, then=1)
        async with scripted(answers(OK, b"", then=0), hangs_up, well) as (server, client):
            await fetch(client)
            await error_of(client)
            for _ in range(20):
                await fetch(client)
            assert server.connections == 3

    run(work(), loop)


@pytest.mark.parametrize(("first_s", "then_s", "in_time"), [(5.0, 0.1, False), (0.1, 5.0, True)])
def test_each_exchange_of_a_connection_has_its_own_time(
    loop: str, first_s: float, then_s: float, in_time: bool
) -> None:
    """Given a kept connection and an answer that takes a while, then only what this request allows counts."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers(OK, then=0)(reader, writer)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)
        writer.write(OK)

    async def work() -> None:
        async with scripted(slow) as (server, client):
            await fetch(client, first_s)
            if in_time:
                assert (await fetch(client, then_s)).status == 200
            else:
                assert isinstance(await error_of(client, then_s), TimedOut)
            assert server.connections == 1

    run(work(), loop)


def test_a_kept_connection_that_breaks_within_the_answer_is_not_asked_again(loop: str) -> None:
    async def work() -> None:
        async with scripted(answers(OK, OK[:-1])) as (server, client):
            await fetch(client)
            error = await error_of(client)
            assert isinstance(error, ConnectionLost)
            assert error.began
            assert server.connections == 1

    run(work(), loop)


@pytest.mark.parametrize("cut", [1, 20, len(CHUNKED), len(CHUNKED) + 5])
def test_an_answer_that_is_cut_is_none(loop: str, cut: int) -> None:
    async def work() -> None:
        async with scripted(answers((CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")[:cut])) as (_, client):
            error = await error_of(client)
            assert isinstance(error, ConnectionLost)
            assert error.began

    run(work(), loop)


@pytest.mark.parametrize(
    ("reply", "too_large"),
    [
        (b"SSH-2.0-OpenSSH\r\n", False),
        (CHUNKED + b"zz\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000, True),
        (CHUNKED + b"5dc\r\n" + b"x" * 1500, True),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * connection_module.MAX_HEAD_BYTES, True),
        (b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", False),
    ],
)
def test_what_is_no_answer_or_too_large_is_refused(loop: str, reply: bytes, too_large: bool) -> None:
    async def work() -> None:
        async with scripted(holds(reply)) as (server, client):
            error = await error_of(client)
            assert isinstance(error, BadResponse)
            assert error.too_large is too_large
            await server.gone.wait()

    run(work(), loop)


def test_an_answer_that_trickles_is_given_up_when_its_time_is_over(loop: str) -> None:
    async def work() -> None:
        pieces = [OK[at : at + 4] for at in range(0, len(OK), 4)]
        async with scripted(holds(*pieces, pause_s=0.02)) as (server, client):
            assert isinstance(await error_of(client, 0.1), TimedOut)
            await server.gone.wait()  # at once, not when the server is done

    run(work(), loop)


def test_a_cancelled_request_drops_its_connection_at_once(loop: str) -> None:
    async def work() -> None:
        for script in (holds(), holds(CHUNKED + b"1\r\nx\r\n")):
            async with scripted(script) as (server, client):
                asking = asyncio.create_task(fetch(client))
                await asyncio.sleep(0.03)
                asking.cancel()
                await server.gone.wait()
                with pytest.raises(asyncio.CancelledError):
                    await asking

    run(work(), loop)


def test_nobody_listening_no_such_host_and_no_trust_are_told_apart(loop: str) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def work() -> None:
        async with scripted(plain) as (server, _):
            url = server.url
            secure = HttpClient(Origin.parse(url.replace("http:", "https:")))
            no_tls = await error_of(secure)
            assert isinstance(no_tls, ConnectFailed)
            assert "SSL" in no_tls.cause or "Connection" in no_tls.cause
        refused = await error_of(HttpClient(Origin.parse(url)))
        assert isinstance(refused, ConnectFailed)
        assert refused.cause == "ConnectionRefusedError"
        nowhere = await error_of(HttpClient(Origin.parse("http://a..b")))
        assert isinstance(nowhere, ConnectFailed)

    run(work(), loop)


def test_a_body_is_read_piece_by_piece_and_a_reader_who_stops_slows_the_server(loop: str) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        for _ in range(400):
            writer.write(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
            await writer.drain()
            sent += 50_000
        writer.write(b"0\r\n\r\n")

    async def work() -> None:
        async with scripted(flood) as (_, client):
            due_s = asyncio.get_running_loop().time() + 4
            async with client.exchange(REQUEST, due_s) as exchange:
                assert exchange.head.status == 200
                await asyncio.sleep(0.1)
                assert sent < 15_000_000
                received = 0
                while piece := await exchange.connection.piece(due_s):
                    received += len(piece)
                assert received == 20_000_000

    run(work(), loop)


def test_requests_beyond_the_most_connections_wait_their_turn_or_their_time(loop: str) -> None:
    async def work() -> None:
        async with scripted(answers(OK, OK, then=2)) as (server, client):
            client._pool = pool_module.Pool(client.origin, max_connections=1)
            client._loop = asyncio.get_running_loop()
            first, second = await asyncio.gather(fetch(client), fetch(client))
            assert first.body == second.body == b"hi"
            assert server.connections == 1
            held = asyncio.create_task(fetch(client, 0.3))  # the script says nothing to its third request
            await asyncio.sleep(0.01)
            late = await error_of(client, 0.1)
            assert isinstance(late, TimedOut)
            assert late.phase == "connect"
            with suppress(HttpError):
                await held

    run(work(), loop)


def test_idle_connections_are_closed_after_a_while(monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    monkeypatch.setattr(pool_module, "MAX_IDLE_S", 0.02)

    async def work() -> None:
        async with scripted(answers(OK, OK, then=1)) as (server, client):
            await fetch(client)
            await asyncio.sleep(0.05)
            await fetch(client)
            assert server.connections == 2
            await server.gone.wait()

    run(work(), loop)


def test_nothing_stays_open_after_hundreds_of_requests_that_end_in_every_way(loop: str) -> None:
    async def work() -> None:
        scripts = [
            answers(OK),
            answers(b""),
            answers(OK[:-1]),
            answers(b"junk"),
            holds(),
            answers(OK, then=1),
        ]
        async with scripted(*scripts * 20, answers(OK)) as (_, client):
            for _ in range(120):
                with suppress(HttpError):
                    await fetch(client, 0.02)
        await asyncio.sleep(0.02)
        assert open_files() <= before

    before = open_files() + 8  # the loop's own: selector, wake-up pair
    run(work(), loop)
