"""What the embedded AWS remembers over a restart: one file, written whole, at moments of rest.

`down` saves, and so does every change within about a second, so a `kill -9` keeps what was deployed.
Nothing is saved while a CloudFormation stack is being created, updated or deleted: a stack restored halfway
through an operation could never leave it. A server killed in such a moment comes back as it was before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from endpoints.errors import LocalError

logger = logging.getLogger(__name__)

FORMAT = 1
SAVE_INTERVAL_S = 1.0

Encoder = Callable[[Any], Any]
Decoder = Callable[[dict[str, Any]], Any]


class StateFile:
    """A JSON document that is always either the last one written or the one before, never half of one."""

    def __init__(self, path: Path, *, encoder: Encoder | None = None, decoder: Decoder | None = None) -> None:
        self._path = path
        self._encoder = encoder
        self._decoder = decoder

    def read(self) -> dict[str, Any] | None:
        """The document, or None when there is none. Raises `LocalError` when it cannot be understood."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"), object_hook=self._decoder)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._unusable(f"is not valid JSON ({error})") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise self._unusable("was written by another version of the project")
        return document

    def _unusable(self, why: str) -> LocalError:
        return LocalError(f"{self._path} {why}", remedy="Move it away to start without what was deployed.")

    def render(self, document: dict[str, Any]) -> str:
        """The text that `write` takes, made while nothing else changes the document."""
        return json.dumps({"format": FORMAT, **document}, default=self._encoder, separators=(",", ":"))

    def write(self, text: str) -> None:
        """Replace the document. When this returns it is on the disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            temporary.chmod(0o600)  # it holds secrets and key material
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        _fsync_directory(self._path.parent)


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class StateKeeper:
    """Saves a document soon after it changed, at a moment of rest.

    `collect` and `at_rest` run on the event loop, where the services change their state, so what they see is
    one consistent moment; only the writing leaves the loop.
    """

    def __init__(
        self, file: StateFile, *, collect: Callable[[], dict[str, Any]], at_rest: Callable[[], bool]
    ) -> None:
        self._file = file
        self._collect = collect
        self._at_rest = at_rest
        self._changed = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note_change(self) -> None:
        """Something may have changed. May be called from any thread."""
        self._changed = True

    def start(self) -> None:
        """Begin to save in the background of the running event loop."""
        self._task = asyncio.create_task(self._keep(), name="state-keeper")

    async def stop(self) -> None:
        """End the background task and save once more, unless a stack operation is cut short."""
        self._stopping.set()
        if self._task:
            await self._task
        self._changed = True
        await self._save()

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), SAVE_INTERVAL_S)
            await self._save()

    async def _save(self) -> None:
        if not (self._changed and self._at_rest()):
            return
        self._changed = False
        try:
            text = self._file.render(self._collect())
            await asyncio.to_thread(self._file.write, text)
        except OSError as error:
            self._changed = True  # tried again in a moment: a full disk may be emptied
            logger.error("the state could not be saved: %s", error)
        except Exception:  # the state is many services' own; one that fails must not end the saving for good
            self._changed = True
            logger.exception("the state could not be collected")
