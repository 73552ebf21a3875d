"""One caller: sends a request, and keeps everything that came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import httptools

from benchmarks.faulty.case import Ended, Reply

PATIENCE_S = 9.0  # for one answer; long after the deadline, so that it is seen who comes late and who never
CHAT = "/v1/chat/completions"


def request(model: str, headers: Mapping[str, str], *, streamed: bool) -> bytes:
    """A chat request, as an OpenAI client sends it."""
    document = {
        "model": model,
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 64,
        "stream": streamed,
    }
    body = json.dumps(document).encode()
    given = {"host": "gateway", "content-type": "application/json", "connection": "close", **headers}
    lines = [f"POST {CHAT} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


async def ask(port: int, sent: bytes) -> Reply:
    """The reply, or as much of it as came."""
    loop = asyncio.get_running_loop()
    began_s, reply = loop.time(), _Reading()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _exchange(port, sent, reply)
        ended = Ended.WHOLE if reply.ends_here() else Ended.CUT
    except TimeoutError:
        ended = Ended.LEFT
    except (ConnectionError, httptools.HttpParserError):
        ended = Ended.CUT
    return Reply(reply.status, bytes(reply.body), ended, round(loop.time() - began_s, 3))


async def _exchange(port: int, sent: bytes, reply: _Reading) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        while not reply.is_complete and (data := await reader.read(64 * 1024)):
            reply.feed(data)
    finally:
        writer.transport.abort()


class _Reading:
    """The parser's callbacks."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.is_complete = False
        self._has_framing = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        status: int = self._parser.get_status_code()
        return status

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def ends_here(self) -> bool:
        """Whether a message whose connection has ended is whole: complete, or one that only that can end."""
        return self.is_complete or (self.status != 0 and not self._has_framing)

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: ARG002 - the parser's signature
        self._has_framing |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True
