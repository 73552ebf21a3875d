"""The answer of InvokeEndpointWithResponseStream: one event for each piece, as the container sends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack

import httpx
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from endpoints.local.protocol import eventstream

_log = logging.getLogger(__name__)


class PartsResponse(Response):
    """Sends PayloadPart events; ends with an exception event when the container fails half-way.

    Owns `resources` (the connection to the container and its lease): they are released when the stream ends, however
    it ends, and at once when the client goes away.
    """

    def __init__(
        self,
        answer: httpx.Response,
        resources: AsyncExitStack,
        headers: Mapping[str, str],
        *,
        limit_s: float,
    ) -> None:
        super().__init__(headers=dict(headers), media_type=eventstream.CONTENT_TYPE)
        del self.headers["content-length"]
        self._answer = answer
        self._resources = resources
        self._limit_s = limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI's signature
        sender = asyncio.create_task(self._send(send))
        watcher = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({sender, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone = [task for task in (sender, watcher) if not task.done()]
            for task in gone:
                task.cancel()
            await asyncio.gather(*gone, return_exceptions=True)
            await self._resources.aclose()
        if sender.done() and not sender.cancelled():
            sender.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        failure = await self._send_parts(send)
        await send({"type": "http.response.body", "body": failure, "more_body": False})

    async def _send_parts(self, send: Send) -> bytes:
        """Pass the container's bytes on; the exception event to end with, or nothing."""
        try:
            async with asyncio.timeout(self._limit_s):
                async for piece in self._answer.aiter_bytes():
                    event = eventstream.payload_part(piece)
                    await send({"type": "http.response.body", "body": event, "more_body": True})
        except TimeoutError:
            return _stream_error(
                "ModelInvocationTimeExceeded",
                f"The model did not finish its response within {self._limit_s:g} seconds.",
            )
        except httpx.TransportError as error:
            return _stream_error("StreamBroken", f"The connection to the model was reset or closed: {error}")
        except Exception:  # noqa: BLE001 -- the status is sent: an event is the only way left to say it
            _log.exception("the stream failed")
            message = "The stream processing failed because of an unknown error."
            return eventstream.exception("InternalStreamFailure", {"Message": message})
        return b""


def _stream_error(code: str, message: str) -> bytes:
    return eventstream.exception("ModelStreamError", {"Message": message, "ErrorCode": code})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
