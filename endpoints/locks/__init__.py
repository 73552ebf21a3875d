"""Lock files: which bytes, images and settings an environment runs. Pure; `adept lock` asks the Hub and writes them."""

from endpoints.locks.agreement import (
    Disagreement,
    DisagreementError,
    disagreements,
    require_agreement,
)
from endpoints.locks.files import SELECTION, missing_files, selected
from endpoints.locks.locked import locked, snapshot_of
from endpoints.locks.proposing import Proposal, StandIn, StandIns, proposed
from endpoints.locks.reading import LOCKS_FOLDER, InvalidLockError, lock_path, read_lock
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
    "LOCKS_FOLDER",
    "SELECTION",
    "Disagreement",
    "DisagreementError",
    "InvalidLockError",
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
    "disagreements",
    "lock_path",
    "locked",
    "missing_files",
    "proposed",
    "read_lock",
    "render",
    "require_agreement",
    "selected",
    "snapshot_of",
]
