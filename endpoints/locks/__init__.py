"""Lock files: which bytes, images and settings an environment runs. Pure; `adept lock` asks the Hub and writes them."""

from endpoints.locks.agreement import (
    Disagreement,
    DisagreementError,
    disagreements,
    require_agreement,
)
from endpoints.locks.differences import Difference, differences, size_text
from endpoints.locks.files import SELECTION, missing_files, selected
from endpoints.locks.locked import locked, snapshot_of
from endpoints.locks.moving import candidates_of, moved, moved_repository, with_digest, with_snapshots
from endpoints.locks.proposing import Proposal, StandIn, StandIns, proposed
from endpoints.locks.reading import (
    LOCAL_LOCK,
    LOCKS_FOLDER,
    InvalidLockError,
    lock_path,
    read_lock,
    read_lock_file,
)
from endpoints.locks.recording import Listing, byte_differences, recorded
from endpoints.locks.rendering import render
from endpoints.locks.schema import (
    Lock,
    LockedCandidate,
    LockedFile,
    LockedImage,
    LockedSettings,
    LockedSnapshot,
    PinnedBy,
)

__all__ = [
    "LOCAL_LOCK",
    "LOCKS_FOLDER",
    "SELECTION",
    "Difference",
    "Disagreement",
    "DisagreementError",
    "InvalidLockError",
    "Listing",
    "Lock",
    "LockedCandidate",
    "LockedFile",
    "LockedImage",
    "LockedSettings",
    "LockedSnapshot",
    "PinnedBy",
    "Proposal",
    "StandIn",
    "StandIns",
    "byte_differences",
    "candidates_of",
    "differences",
    "disagreements",
    "lock_path",
    "locked",
    "missing_files",
    "moved",
    "moved_repository",
    "proposed",
    "read_lock",
    "read_lock_file",
    "recorded",
    "render",
    "require_agreement",
    "selected",
    "size_text",
    "snapshot_of",
    "with_digest",
    "with_snapshots",
]
