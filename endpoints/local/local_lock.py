"""The lock of the local environment as this machine fulfils it: `local.lock.yaml` in the home directory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from endpoints.catalogue import CandidateRole, load_catalogue
from endpoints.local.hub import Digests, HubFile
from endpoints.local.local_hub import licence_of, repository
from endpoints.local.model_source import LocalModels, ModelSource
from endpoints.local.settings import LocalSettings
from endpoints.local.whole_files import write_whole
from endpoints.locks import LockedFile, LockedSnapshot, StandIn, proposed, render

ENVIRONMENT: Final = "local"
_HEADER: Final = """\
# What the embedded AWS of this machine serves. Written by `adept local up`, and whenever something is deployed to it.
"""


def write_lock(settings: LocalSettings, models: LocalModels) -> Path:
    """The file, brought up to what the catalogue means now. Raises `CatalogueError`."""
    catalogue = load_catalogue()
    digests = Digests(settings.digest_file)
    stand_ins = {
        CandidateRole(role): StandIn(_snapshot(source, digests)) for role, source in models.stand_ins.items()
    }
    lock = proposed(catalogue, catalogue.environment(ENVIRONMENT), stand_ins=stand_ins)
    lines = (line for line in render(lock).splitlines(keepends=True) if not line.startswith("#"))
    write_whole(settings.lock_file, _HEADER + "".join(lines))
    return settings.lock_file


def _snapshot(source: ModelSource, digests: Digests) -> LockedSnapshot:
    files = repository(source, digests).files(source.revision or "")
    return LockedSnapshot(
        repository=source.name,
        revision=source.revision,
        licence=licence_of(source.name),
        gated=False,
        total_bytes=sum(file.size_bytes for file in files),
        files=locked_files(files),
    )


def locked_files(files: Iterable[HubFile]) -> tuple[LockedFile, ...]:
    """As a lock of the Hub that has them would record them."""
    return tuple(map(_locked, files))


def _locked(file: HubFile) -> LockedFile:
    """As `adept lock` records what a Hub says: SHA-256 of LFS files, Git's id of the others."""
    return LockedFile(
        path=file.path,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        git_blob=None if file.sha256 else file.blob_id,
    )
