"""Status and headers -> bytes. Pure, but for the date.

`email.utils` and `http` would say the same, and take ten milliseconds to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import gmtime, time

_PHRASES = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_STATUS_LINES = {status: f"HTTP/1.1 {status} {phrase}".encode() for status, phrase in _PHRASES.items()}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def http_date(epoch_s: int) -> str:
    """A moment as HTTP writes it, in English whatever the locale."""
    at = gmtime(epoch_s)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    return (
        f"{day}, {at.tm_mday:02d} {month} {at.tm_year} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} GMT"
    )


class Dated:
    """The `date` header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        second = int(time())
        if second != self._second:
            self._second = second
            self._line = f"\r\ndate: {http_date(second)}".encode()
        return self._line


_DATED = Dated()


def render_head(
    status: int, headers: Mapping[str, str], *, length: int | None, keep_alive: bool, chunked: bool = False
) -> bytes:
    """The bytes before the body. `length` None leaves the length out; a value of several lines becomes one."""
    fields = "".join([f"\r\n{name}: {value}" for name, value in headers.items()])
    if not fields.count("\r") == fields.count("\n") == len(headers):
        fields = "".join([f"\r\n{name}: {_one_line(value)}" for name, value in headers.items()])
    if chunked:
        fields += "\r\ntransfer-encoding: chunked"
    elif length is not None:
        fields += f"\r\ncontent-length: {length}"
    ending = "\r\n\r\n" if keep_alive else "\r\nconnection: close\r\n\r\n"
    line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} ".encode()
    return line + _DATED.line() + (fields + ending).encode("latin-1", "replace")


def _one_line(value: str) -> str:
    return " ".join(value.split()) if "\n" in value or "\r" in value else value


def chunk(piece: bytes) -> bytes:
    """A piece in chunked encoding. An empty one would end the body: it becomes nothing."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
