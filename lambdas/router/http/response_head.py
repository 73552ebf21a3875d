"""Status and headers -> bytes. Pure, but for the date."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from time import time

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode("latin-1") for status in HTTPStatus
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Dated:
    """The `date` header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        second = int(time())
        if second != self._second:
            self._second = second
            self._line = b"\r\ndate: " + formatdate(second, usegmt=True).encode()
        return self._line


_DATED = Dated()


def render_head(
    status: int, headers: Mapping[str, str], *, length: int | None, keep_alive: bool, chunked: bool = False
) -> bytes:
    """The bytes before the body. `length` None leaves the length out; a value of several lines becomes one."""
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} ".encode(), _DATED.line()]
    for name, value in headers.items():
        if "\n" in value or "\r" in value:
            value = " ".join(value.split())
        lines.append(f"\r\n{name}: {value}".encode("latin-1", "replace"))
    if chunked:
        lines.append(b"\r\ntransfer-encoding: chunked")
    elif length is not None:
        lines.append(b"\r\ncontent-length: %d" % length)
    if not keep_alive:
        lines.append(b"\r\nconnection: close")
    lines.append(b"\r\n\r\n")
    return b"".join(lines)


def chunk(piece: bytes) -> bytes:
    """A piece in chunked encoding. An empty one would end the body: it becomes nothing."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
