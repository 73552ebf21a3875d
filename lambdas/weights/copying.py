"""Step `copy`: one part of one file, or a whole small file, from the Hub into the bucket."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.weights.digests import Digests
from lambdas.weights.fields import integer, mapping, optional_text
from lambdas.weights.hub import Hub
from lambdas.weights.parts import Span
from lambdas.weights.patience import Patience
from lambdas.weights.proving import prove
from lambdas.weights.snapshot import FileFacts, Snapshot
from lambdas.weights.store import SnapshotStore


@dataclass(frozen=True)
class Part:
    """An item of the first map. A whole file has neither an upload nor a span."""

    file: FileFacts
    upload_id: str | None
    span: Span | None

    @classmethod
    def parse(cls, document: object) -> Part:
        fields = mapping(document, "a part")
        span = fields.get("span")
        return cls(
            file=FileFacts.parse(fields.get("file")),
            upload_id=optional_text(fields, "upload_id"),
            span=None if span is None else _span(span),
        )


def copy(snapshot: Snapshot, part: Part, hub: Hub, store: SnapshotStore, *, patience: Patience) -> int:
    """Copy it and answer how many bytes it has. Doing it twice does no harm. Raises `StagingError`."""
    body = hub.read(snapshot, part.file, part.span, patience)
    key = snapshot.object_key(part.file.path)
    if part.span is None or part.upload_id is None:
        digests = Digests(part.file)
        digests.update(body)
        proved = digests.proved(snapshot)  # before anything is stored
        etag = store.put_file(key, body)
        if etag is None:
            prove(snapshot, part.file, store)
        else:
            store.mark_verified(snapshot, proved, etag)
    else:
        store.uploads.put_part(key, part.upload_id, part.span.number, body)
    return len(body)


def _span(document: object) -> Span:
    fields = mapping(document, "a span")
    return Span(integer(fields, "number"), integer(fields, "offset"), integer(fields, "length"))
