"""The bytes of a connection -> requests. Pure: no socket, no clock.

Everything is bounded while it is read: the head, and the body, whether its length is announced or it comes in chunks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import httptools

from lambdas.router.http.errors import Refused

MAX_HEAD_BYTES = 16 * 1024


class RawRequest(NamedTuple):
    """A whole request. Header names are lower case; the values of a repeated one are joined with a comma."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool = True
    takes_chunks: bool = True  # HTTP/1.0 does not


class RequestReader:
    """Feed it what comes; take whole requests from `ready`. Raises `Refused`, after which it is of no use."""

    def __init__(self, max_body_bytes: Callable[[], int]) -> None:
        self.ready: deque[RawRequest] = deque()
        self.wants_continue = False  # a client that waits for "100 Continue" before it sends the body
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._refusal: Refused | None = None
        self._was_told = False  # whether the parser had anything to tell of the bytes that came last
        self._begin()
        self.is_in_request = False

    def _begin(self) -> None:
        self.is_in_request = True
        self.has_head = False
        self._head_bytes = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._most_bytes = 0

    def feed(self, data: bytes) -> None:
        """Read on. Raises `Refused`, and what the limit's source raises: that is no mistake of the client's."""
        self._was_told = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # An offer to change the protocol may be ignored; what follows it would be of the new one.
            if not self.ready:
                raise Refused(400, "This server speaks HTTP/1.1 only.") from None
            self.ready.append(_closing(self.ready.pop()))
        except httptools.HttpParserCallbackError as error:
            raise self._refusal or error.__context__ or error from None
        except httptools.HttpParserError as error:
            raise self._refusal or Refused(400, "The request is not HTTP/1.1.") from error
        if self.is_in_request and not self._was_told:
            self._head_bytes += len(data)  # an endless line, which the parser keeps until it ends
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()

    def _refuse_head(self) -> None:
        self._refuse(431, f"The headers exceed {MAX_HEAD_BYTES} bytes.")

    def _refuse_body(self) -> None:
        self._refuse(413, f"The body exceeds {self._most_bytes} bytes.")

    def _refuse(self, status: int, message: str) -> None:
        self._refusal = Refused(status, message)
        raise self._refusal

    # What the parser tells

    def on_message_begin(self) -> None:
        self._was_told = True
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._was_told = True
        self._target += url
        self._head_bytes += len(url)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._was_told = True
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()
        if self.has_head:
            return  # a trailer: what comes after the body must not pass for a header (RFC 9110, 6.5.1)
        key, text = name.lower().decode("latin-1"), value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        self.has_head = True
        self._most_bytes = self._max_body_bytes()
        announced = self._headers.get("content-length", "0")  # the parser has refused what is no number
        if announced.isdecimal() and int(announced) > self._most_bytes:
            self._refuse_body()
        self.wants_continue = self._headers.get("expect", "").lower() == "100-continue"

    def on_body(self, data: bytes) -> None:
        self._was_told = True
        self._head_bytes = 0  # from here on it counts the lines between two pieces, and the trailers
        self._body_bytes += len(data)
        if self._body_bytes > self._most_bytes:
            self._refuse_body()
        self._body.append(data)

    def on_message_complete(self) -> None:
        self.is_in_request = False
        self.wants_continue = False
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        parser = self._parser
        self.ready.append(
            RawRequest(
                parser.get_method().decode("latin-1"),
                self._target.decode("latin-1"),
                self._headers,
                body,
                parser.should_keep_alive(),
                parser.get_http_version() != "1.0",
            )
        )


def _closing(request: RawRequest) -> RawRequest:
    return RawRequest(
        request.method, request.target, request.headers, request.body, False, request.takes_chunks
    )
