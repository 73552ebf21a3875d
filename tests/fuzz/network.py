"""An event loop with virtual time and a network of its own: connections are scripted, nothing touches a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.unit.router.virtual import VirtualLoop


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server sends to one request: bytes, and pauses in seconds; then it hangs up unless `stays`."""

    steps: tuple[bytes | float, ...]
    stays: bool = True
    resets: bool = False


class FuzzLoop(VirtualLoop):
    """Every connection goes to a server whose `replies` come one for each request."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: Iterator[Reply] = iter(())
        self.open: set[Server] = set()

    async def create_connection(self, protocol_factory: Callable[[], Any], *_: Any, **__: Any) -> Any:
        protocol = protocol_factory()
        server = Server(self, protocol)
        self.open.add(server)
        protocol.connection_made(server)
        return server, protocol


class Server(asyncio.Transport):
    """The client's transport, and the server behind it."""

    def __init__(self, loop: FuzzLoop, protocol: Any) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[bytes | float] = []
        self._reply = Reply(())
        self._is_paused = False

    def write(self, data: Any) -> None:  # noqa: ARG002 - what is asked makes no difference
        if self not in self._loop.open:
            return
        self._reply = next(self._loop.replies, Reply((), stays=False))
        self._waiting = list(self._reply.steps)
        self._later(0)

    def abort(self) -> None:
        self._lose(None)

    def close(self) -> None:
        self._lose(None)

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._later(0)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _Socket() if name == "socket" else default

    def _later(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._step)

    def _step(self) -> None:
        if self not in self._loop.open or self._is_paused:
            return
        if not self._waiting:
            if not self._reply.stays:
                self._lose(ConnectionResetError() if self._reply.resets else None)
            return
        step = self._waiting.pop(0)
        if isinstance(step, bytes):
            self._protocol.data_received(step)
        self._later(0 if isinstance(step, bytes) else step)

    def _lose(self, error: Exception | None) -> None:
        if self in self._loop.open:
            self._loop.open.discard(self)
            if self._timer is not None:
                self._timer.cancel()
            self._loop.call_soon(self._protocol.connection_lost, error)


class _Socket:
    def setsockopt(self, *_: object) -> None:
        """Takes every option."""
