"""A file in parts: which byte ranges are fetched and become parts of one S3 multipart upload.

S3's limits (User Guide, "Amazon S3 multipart upload limits"): 10,000 parts, 5 MiB a part (the last may be smaller),
5 GiB a part, 5 TiB an object.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.weights.errors import BadRequest

MIB = 1024 * 1024
SMALLEST_PART_BYTES = 5 * MIB
MOST_PARTS = 10_000
LARGEST_OBJECT_BYTES = 5 * 1024 * 1024 * MIB


@dataclass(frozen=True)
class Span:
    """Bytes `offset` to `offset + length - 1` of a file, part `number` (from 1) of its upload."""

    number: int
    offset: int
    length: int

    @property
    def last(self) -> int:
        return self.offset + self.length - 1


def part_size(file_bytes: int, wanted_bytes: int) -> int:
    """Bytes of each part but the last: as wanted, at least S3's minimum, and so large that 10,000 are enough.

    Raises `BadRequest` for a file that no S3 object can hold.
    """
    if file_bytes > LARGEST_OBJECT_BYTES:
        raise BadRequest(f"a file of {file_bytes} bytes: an S3 object has at most {LARGEST_OBJECT_BYTES}")
    size = max(wanted_bytes, SMALLEST_PART_BYTES)
    needed = -(-file_bytes // MOST_PARTS)
    return size if needed <= size else -(-needed // MIB) * MIB


def spans(file_bytes: int, part_bytes: int) -> list[Span]:
    """The parts of a file, in order: every byte in exactly one."""
    return [
        Span(number, offset, min(part_bytes, file_bytes - offset))
        for number, offset in enumerate(range(0, file_bytes, part_bytes), start=1)
    ]
