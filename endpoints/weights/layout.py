"""Where a snapshot lies in the weights' bucket.

<repository>/<commit sha>/<file>            what a model names and loads
_manifests/<repository>/<commit sha>.json   written last; a snapshot without it is not usable
_staging/<repository>/<commit sha>/...      work in progress, removed when the manifest is written
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_SNAPSHOT: Final = r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)/(?P<revision>[0-9a-f]{40})"


@dataclass(frozen=True, order=True)
class SnapshotId:
    """One commit of one repository: `meta-llama/Llama-3.1-8B-Instruct` and 40 hexadecimal digits."""

    repository: str
    revision: str

    @property
    def prefix(self) -> str:
        """Where its files lie, with a slash at the end."""
        return f"{self.repository}/{self.revision}/"

    @property
    def manifest_key(self) -> str:
        """Its manifest."""
        return f"_manifests/{self.repository}/{self.revision}.json"

    @property
    def staging_prefix(self) -> str:
        """Where whoever stages it notes what is done, with a slash at the end."""
        return f"_staging/{self.repository}/{self.revision}/"

    def plan_key(self, attempt: str) -> str:
        """What an attempt of the stager, named as its execution is, is going to have copied."""
        return f"{self.staging_prefix}attempts/{attempt}/plan.json"

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"


class Area(StrEnum):
    """What an object is to its snapshot."""

    FILE = "file"
    MANIFEST = "manifest"
    STAGING = "staging"


_KEYS: Final = {
    Area.MANIFEST: re.compile(rf"_manifests/{_SNAPSHOT}\.json"),
    Area.STAGING: re.compile(rf"_staging/{_SNAPSHOT}/.+"),
    Area.FILE: re.compile(rf"{_SNAPSHOT}/.+"),
}


def place_of(key: str) -> tuple[SnapshotId, Area] | None:
    """Which snapshot an object belongs to, and as what; None for an object that nobody here has put there."""
    for area, pattern in _KEYS.items():
        if found := pattern.fullmatch(key):
            return SnapshotId(found["repository"], found["revision"]), area
    return None


def snapshot_of_uri(uri: str, bucket: str) -> SnapshotId | None:
    """The snapshot that a model's `S3Uri` names; None when it lies elsewhere."""
    found = re.fullmatch(rf"s3://{re.escape(bucket)}/{_SNAPSHOT}(/.*)?", uri)
    return SnapshotId(found["repository"], found["revision"]) if found else None
