"""A file as an HTTP answer: whole, or the range that was asked for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from endpoints.local.hub.files import HubFile

CHUNK_BYTES: Final = 1024 * 1024
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class ByteRange:
    """From byte `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def file_response(request: Request, file: HubFile, headers: Mapping[str, str]) -> Response:
    """200, 206 for one range, 304 when the client has it, 416 for a range beyond the end."""
    etag = f'"{file.etag}"'
    common = {"ETag": etag, "Accept-Ranges": "bytes", **headers}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=common)
    wanted = _wanted(request, file.size_bytes, etag)
    part, size = wanted or ByteRange(0, file.size_bytes - 1), file.size_bytes
    if part.first >= size > 0 or (wanted and not size):
        return Response(status_code=416, headers={**common, "Content-Range": f"bytes */{size}"})
    if wanted:
        common["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    common |= {"Content-Length": str(part.length), "Content-Type": "application/octet-stream"}
    return _FileResponse(file.location, part, 206 if wanted else 200, common)


class _FileResponse(Response):
    """Reads as fast as the client takes it, and stops when the client is gone."""

    def __init__(self, location: Path, wanted: ByteRange, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        self._location = location
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        remaining = 0 if scope["method"] == "HEAD" else self._wanted.length
        gone = asyncio.ensure_future(_disconnect(receive))
        try:
            with self._location.open("rb") as file:
                file.seek(self._wanted.first)
                while remaining > 0 and not gone.done():
                    chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, remaining))
                    remaining -= len(chunk)
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})


def disposition(path: str) -> str:
    """The Content-Disposition under which the Hub sends a file."""
    name = path.rsplit("/", 1)[-1]
    return f"inline; filename*=UTF-8''{quote(name)}; filename=\"{name}\";"


def requested_range(header: str | None) -> tuple[int | None, int | None] | None:
    """`bytes=5-9` as (5, 9), `5-` as (5, None), `-5` as (None, 5); None for no range or several, which mean all."""
    match = _RANGE.fullmatch(header or "")
    if match is None or not any(match.groups()):
        return None
    first, last = (int(text) if text else None for text in match.groups())
    return None if first is not None and last is not None and last < first else (first, last)


def _wanted(request: Request, size: int, etag: str) -> ByteRange | None:
    """The part that was asked for, which may begin beyond the end; None for the whole file."""
    asked = requested_range(request.headers.get("range"))
    if asked is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked
    if first is None:  # the last bytes
        return ByteRange(max(size - (last or 0), 0), size - 1)
    return ByteRange(first, size - 1 if last is None else min(last, size - 1))


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
