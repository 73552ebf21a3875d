"""What can go wrong.

HttpError                 towards a server
  ConnectFailed           no connection: no such host, refused, no trust
  ConnectionLost          closed before the answer was whole; `began`: something of it had come
  TimedOut                `phase` says what was waited for
  BadResponse             not HTTP, or larger than what is taken
Refused                   a client's request, with the status that it is answered with
"""

from __future__ import annotations


class HttpError(Exception):
    """No whole answer came."""


class ConnectFailed(HttpError):
    """No connection. `cause` is the name of the system's exception."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"no connection: {cause}")
        self.cause = cause


class ConnectionLost(HttpError):
    """The server closed the connection. `asked`: how often it was sent the request, one connection after another."""

    def __init__(self, *, began: bool, asked: int = 1) -> None:
        super().__init__("closed within the answer" if began else "closed without an answer")
        self.began = began
        self.asked = asked


class TimedOut(HttpError):
    """Nothing came in time. `phase`: "connect" or "answer"."""

    def __init__(self, phase: str) -> None:
        super().__init__(f"{phase}: timed out")
        self.phase = phase


class BadResponse(HttpError):
    """What came is not an answer that is taken. `too_large`: only because of its size."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class Refused(Exception):
    """A request that cannot be read. The connection is closed after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
