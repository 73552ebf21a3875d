"""What the core asks of the world around it (an `Upstream`) and of the request schemas (`ModelRequest`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lambdas.router.answers import Answer
from lambdas.router.choosing.choice import Choice
from lambdas.router.route_table import Candidate

if TYPE_CHECKING:  # most routers limit nothing, and need not load how
    from lambdas.router.limits.admission import Admission


class Call(NamedTuple):
    """One invocation of one variant. `custom_attributes` is SageMaker's header of that name; it carries the trace."""

    endpoint_name: str
    variant: str
    body: bytes
    stream: bool
    custom_attributes: str | None = None


class Upstream(Protocol):
    """Where models run. Raises `UpstreamError`, and nothing else; a cancelled call drops its connection."""

    async def invoke(self, call: Call, *, timeout_s: float) -> bytes:
        """The container's whole answer, within `timeout_s` seconds."""

    def stream(
        self, call: Call, *, first_s: float, idle_s: float, total_s: float
    ) -> AsyncGenerator[bytes, None]:
        """The container's answer in pieces as they arrive, none of them empty.

        The first comes within `first_s` seconds, each further one `idle_s` after the one before, the last within
        `total_s`; otherwise it raises. Closing the generator drops the connection.
        """


class StreamReader(Protocol):
    """Turns a streamed answer's pieces into the caller's events. Incremental, and no I/O."""

    @property
    def first_token(self) -> bool:
        """Whether any of the events given out holds a part of the answer itself."""

    @property
    def complete(self) -> bool:
        """Whether the answer's end was seen, so that nothing which follows matters."""

    @property
    def prompt_tokens(self) -> int | None: ...

    @property
    def completion_tokens(self) -> int | None: ...

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes.

        Raises `UpstreamError` for a bad event, or for one that reports an error.
        """

    def finish(self) -> list[bytes]:
        """The last events, the end marker included. Raises `UpstreamError` where the answer's end was not seen."""


class Limits(Protocol):
    """What callers may use."""

    async def admit(self, caller: str | None, prompt_chars: int, output_tokens: int) -> Admission:
        """Let a request through, and reserve what it may use at most. Raises `ApiError` where it may not pass."""

    def settle(self, admission: Admission, used_tokens: int) -> None:
        """Tell what it did use. Returns at once."""


class ModelRequest(Protocol):
    """A valid request of any schema."""

    @property
    def choice(self) -> Choice: ...

    @property
    def stream(self) -> bool: ...

    @property
    def prompt_chars(self) -> int: ...

    @property
    def most_output_tokens(self) -> int:
        """How many tokens the answer has at most, all its choices together."""

    def payload(self, candidate: Candidate) -> bytes:
        """The body for the candidate's engine. Raises a 400 `ApiError` where this engine cannot do what is asked."""

    def read(self, candidate: Candidate, raw: bytes, request_id: str) -> Answer:
        """The whole answer. Raises `UpstreamError` unless it is complete."""

    def reader(self, candidate: Candidate, request_id: str) -> StreamReader:
        """Reads the streamed answer."""
