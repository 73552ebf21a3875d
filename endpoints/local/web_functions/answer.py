"""An answer on its way from a program to the caller, who may leave at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, Final, TypeVar

import httpx
from starlette.types import Receive, Send

# Headers about one connection, not about the answer.
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "trailer", "te"})

T = TypeVar("T")

logger = logging.getLogger("endpoints.local")


class CallerLeftError(Exception):
    """Nobody waits for the answer any more."""


class StreamedAnswer:
    """Status and headers are there; the body comes. `under_way` is closed when it is over."""

    def __init__(self, response: httpx.Response, deadline_s: float, under_way: ExitStack) -> None:
        self.status = response.status_code
        self.headers = _end_to_end(response.headers)
        self._response = response
        self._deadline_s = deadline_s
        self._under_way = under_way

    async def run(self, send: Send, receive: Receive) -> None:
        """Pass each piece on as it comes.

        Where it breaks off, the last message stays unsent: the caller must not take it for a whole answer.
        """
        try:
            async with asyncio.timeout_at(self._deadline_s):
                await while_there(self._pass_on(send), receive)
        except CallerLeftError:
            logger.debug("the caller left before the answer's end")
        except TimeoutError:
            logger.warning("an answer was cut off: the function's time was over")
        except httpx.HTTPError as error:
            logger.warning("an answer was cut off: %s", type(error).__name__)
        finally:
            self._under_way.close()
            await self._response.aclose()

    async def _pass_on(self, send: Send) -> None:
        async for piece in self._response.aiter_raw():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def while_there(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """The result of `work`, which ends when the caller leaves. Raises `CallerLeftError` then."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise CallerLeftError
    finally:
        await _cancelled(leaving)
        await _cancelled(task)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(task: asyncio.Future[Any]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})


def _end_to_end(headers: httpx.Headers) -> dict[str, str | list[str]]:
    """Headers by name, with a list where one comes several times."""
    found: dict[str, str | list[str]] = {}
    for name in dict.fromkeys(headers):
        if name.lower() not in _HOP_BY_HOP:
            values = headers.get_list(name)
            found[name] = values if len(values) > 1 else values[0]
    return found
