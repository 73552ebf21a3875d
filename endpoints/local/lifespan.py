"""An ASGI application's start-up and shut-down, run inside another application's."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message

from endpoints.errors import LocalError


class Lifespan:
    """Drives the lifespan protocol of one application; one without the protocol starts and stops at once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Raises `LocalError` when the application says that it cannot start."""
        scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._to_app.get, self._from_app.put))
        await self._tell("lifespan.startup")

    async def stop(self) -> None:
        await self._tell("lifespan.shutdown")
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _tell(self, message: str) -> None:
        if self._task is None or self._task.done():
            return
        await self._to_app.put({"type": message})
        answer = asyncio.ensure_future(self._from_app.get())
        # An application without the protocol raises instead of answering; that is its right.
        waiting: set[asyncio.Future[Any]] = {answer, self._task}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
        elif answer.result()["type"].endswith(".failed"):
            raise LocalError(f"{message}: {answer.result().get('message', 'failed')}")
