"""What every gateway asks: a model server that answers at once. `python -m benchmarks.gateways.upstream PORT`.

The same answer in two protocols: SageMaker's runtime (whole, or as an event stream; only what is signed is answered)
and OpenAI's chat completions (whole, or as server-sent events).
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

import httptools
import uvloop

from endpoints.local.protocol.eventstream import CONTENT_TYPE, payload_part

PIECES = 50
_TEXT = "The role asks for five years with Python, AWS and a team that ships every day. " * 5
_USAGE = {"prompt_tokens": 240, "completion_tokens": PIECES, "total_tokens": 240 + PIECES}
_SIGNED = b"AWS4-HMAC-SHA256 "


def _whole() -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": _TEXT},
        "logprobs": None,
        "finish_reason": "stop",
    }
    return _answer(
        b"application/json",
        json.dumps(
            {
                "object": "chat.completion",
                "id": "chatcmpl-1",
                "created": 1,
                "model": "m",
                "system_fingerprint": "3.3.6",
                "choices": [choice],
                "usage": _USAGE,
            }
        ).encode(),
    )


def _event(content: str, finish_reason: str | None) -> bytes:
    choice = {
        "index": 0,
        "delta": {"role": "assistant", "content": content},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    document = {
        "object": "chat.completion.chunk",
        "id": "chatcmpl-1",
        "created": 1,
        "model": "m",
        "system_fingerprint": "3.3.6",
        "choices": [choice],
        "usage": None,
    }
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _answer(kind: bytes, body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        kind,
        len(body),
        body,
    )


def _stream(kind: bytes, pieces: list[bytes]) -> list[bytes]:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % kind
    return [head, *[b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces], b"0\r\n\r\n"]


WHOLE = [_whole()]
EVENTS = [*[_event(" token", None)] * PIECES, _event("", "stop") + b"data: [DONE]\n\n"]
OPENAI_STREAM = _stream(b"text/event-stream", EVENTS)
SAGEMAKER_STREAM = _stream(CONTENT_TYPE.encode(), [payload_part(event) for event in EVENTS])
UNSIGNED = [_answer(b"application/json", b'{"message": "not signed"}', b"403 Forbidden")]


class Upstream(asyncio.Protocol):
    """One connection: reads requests, sends one of the prepared answers piece by piece."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._body = b""
        self._is_signed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._target, self._body, self._is_signed = b"", b"", False

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self._is_signed = value.startswith(_SIGNED)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        for piece in self._reply():
            self._transport.write(piece)

    def _reply(self) -> list[bytes]:
        is_sagemaker = self._target.startswith(b"/endpoints/")
        if is_sagemaker and not self._is_signed:
            return UNSIGNED
        # LiteLLM, told a SageMaker address, asks for streams at the address of whole answers.
        if b'"stream":true' not in self._body.replace(b" ", b""):
            return WHOLE
        return SAGEMAKER_STREAM if is_sagemaker else OPENAI_STREAM


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
