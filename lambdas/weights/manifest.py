"""The manifest of a snapshot: the one document that makes it usable."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.weights.errors import BadRequest
from lambdas.weights.fields import items, mapping, parsed_json
from lambdas.weights.snapshot import FileFacts, Snapshot

VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """`files` by path, each with its real sha256; `etag` is the object's in which it lies."""

    snapshot: Snapshot
    files: dict[str, FileFacts]
    etag: str = ""

    @classmethod
    def parse(cls, raw: bytes, *, etag: str = "") -> Manifest:
        """Raises `BadRequest` for what is no manifest, or one of a later version."""
        document = mapping(parsed_json(raw, "the manifest"), "the manifest")
        if document.get("version") != VERSION:
            raise BadRequest(f"the manifest has version {document.get('version')!r}; this reads {VERSION}")
        files = [FileFacts.parse(file) for file in items(document.get("files"), "files")]
        return cls(Snapshot.parse(document), {file.path: file for file in files}, etag)


def render(snapshot: Snapshot, files: Iterable[FileFacts], *, staged_from: str, now: datetime) -> bytes:
    """The manifest's bytes; files sorted by path."""
    ordered = sorted(files, key=lambda file: file.path)
    document = {
        "version": VERSION,
        "repository": snapshot.repository,
        "revision": snapshot.revision,
        "files": [file.document() for file in ordered],
        "total_bytes": sum(file.size_bytes for file in ordered),
        "staged_from": staged_from,
        "staged_at": now.astimezone(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(document, indent=1).encode()
