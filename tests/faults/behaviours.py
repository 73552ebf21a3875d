"""What a candidate can do with a request, as bytes on the wire: SageMaker's answers, errors and streams."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.faults.upstream import Behaviour, End
from tests.unit.router.support import chunk, completion, events, payload_part, stream_error

TEXT = "the whole answer"
WORDS = ("the ", "whole ", "answer")


def head(status: int, headers: Mapping[str, str], length: int | None) -> bytes:
    """Status and headers; without a length the body comes in chunks."""
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = [f"HTTP/1.1 {status} x", *(f"{name}: {value}" for name, value in headers.items()), framing]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body: bytes, status: int = 200, **headers: str) -> Behaviour:
    """An answer with its length."""
    named = {"content-type": "application/json", **_named(headers)}
    return Behaviour((head(status, named, len(body)) + body,))


def good_answer(text: str = TEXT) -> Behaviour:
    return whole(completion(text))


def refuses(status: int, code: str, headers: Mapping[str, str] | None = None, **members: object) -> Behaviour:
    """SageMaker's own error."""
    named = {"content-type": "application/json", "x-amzn-errortype": code, **(headers or {})}
    body = json.dumps(members).encode()
    return Behaviour((head(status, named, len(body)) + body,))


def engine(status: int, said: str, headers: Mapping[str, str] | None = None) -> Behaviour:
    """ModelError: the container's own status and body."""
    return refuses(
        424,
        "ModelError",
        headers,
        Message=f"Received error ({status}) from primary",
        OriginalStatusCode=status,
        OriginalMessage=said,
        LogStreamArn="arn:aws:logs:x",
    )


def tgi_error(message: str, kind: str = "generation") -> str:
    return json.dumps({"error": message, "error_type": kind})


# Streams. Pieces are messages of AWS's event stream, each in a chunk of HTTP.


def stream_head() -> bytes:
    return head(200, {"content-type": "application/vnd.amazon.eventstream"}, None)


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def part(data: bytes) -> bytes:
    """Bytes of the container."""
    return http_chunk(payload_part(data))


def exception(code: str, **members: str) -> bytes:
    """SageMaker ends the stream."""
    return http_chunk(stream_error(code, **members))


LAST = b"0\r\n\r\n"
ROLE = events(chunk(""), done=False)
TOKENS = tuple(events(chunk(word), done=False) for word in WORDS)
FINISH = events(chunk("", "stop"), done=False)
DONE = b"data: [DONE]\n\n"


def streams(*steps: bytes | float, end: End = End.KEEP, role: bool = True) -> Behaviour:
    """A stream from its head on; a role comes first, as engines send it."""
    begun = part(ROLE) if role else b""
    return Behaviour((stream_head() + begun, *steps), end)


def good_stream(pause_s: float = 0.0) -> Behaviour:
    pieces = [part(piece) for piece in (*TOKENS, FINISH + DONE)]
    if not pause_s:
        return Behaviour((b"".join((stream_head(), part(ROLE), *pieces, LAST)),))
    return streams(*(step for piece in pieces for step in (pause_s, piece)), LAST)


def _named(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
