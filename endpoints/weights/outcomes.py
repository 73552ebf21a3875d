"""What became of a snapshot that was to be staged, and what to do when it was not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from endpoints.catalogue import Environment
from endpoints.weights.layout import SnapshotId


class Status(StrEnum):
    """How it ended."""

    ALREADY = "staged already"
    STAGED = "staged"
    FAILED = "failed"
    NOT_THERE = "not found there"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One snapshot. `size_bytes` and `files` are those of its manifest, `took_s` the time that was waited for it."""

    snapshot: SnapshotId
    status: Status
    size_bytes: int | None = None
    files: int | None = None
    took_s: float | None = None
    message: str | None = None
    remedy: str | None = None

    @property
    def is_staged(self) -> bool:
        """True when an endpoint can load it."""
        return self.status in (Status.ALREADY, Status.STAGED)

    def as_json(self) -> dict[str, Any]:
        """For machines; times in seconds."""
        return {
            "repository": self.snapshot.repository,
            "revision": self.snapshot.revision,
            "status": self.status.value,
            "staged": self.is_staged,
            "size_bytes": self.size_bytes,
            "files": self.files,
            "took_s": None if self.took_s is None else round(self.took_s, 1),
            "message": self.message,
            "remedy": self.remedy,
        }


def all_staged(outcomes: Iterable[Outcome]) -> bool:
    """True when every one can be loaded."""
    return all(outcome.is_staged for outcome in outcomes)


_AGAIN: Final = (
    "Run this again: it goes on where it stopped. Is it the same again, the worker's log says more."
)


def remedy_of(error: str, environment: Environment) -> str:
    """What to do after the stager failed with `error`, a name that its worker gives."""
    name = environment.name
    lock = f"Lock it again, and look at what changes: adept lock --env {name}"
    remedies = {
        "HubTokenRefused": f"Store a token that the Hub knows: adept token set --env {name}"
        if environment.hub_knows_tokens
        else f"The Hub of {name} knows no tokens: adept token remove --env {name}",
        "HubAccessDenied": f"See which models the token may read: adept token check --env {name}",
        "HubNotFound": f"Was it renamed or made private, or is the commit mistyped? {lock}",
        "HubFileChanged": f"The Hub has other files than the lock names. {lock}",
        "HubRateLimited": f"Wait an hour. {_AGAIN}",
        "BadRequest": lock,
        "ABORTED": f"Somebody has stopped it. {_AGAIN}",
    }
    return remedies.get(error, _AGAIN)
