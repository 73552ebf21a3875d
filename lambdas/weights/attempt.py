"""One run of the stager for a snapshot, and the documents that are its own.

_staging/<repository>/<sha>/attempts/<attempt>/plan.json       every file of the snapshot
                                              /parts.json      what is left to copy, the items of the first map
                                              /files.json      what is left to prove, the items of the second map
                                              /failures/<error>.json   why a step failed, for the report

An attempt is called as its execution is: `<snapshot's id>-<number>`. A worker of one that was stopped may go on for
minutes beside the next one, so nobody writes into another's folder, and removes none but an earlier one's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lambdas.weights.errors import BadRequest
from lambdas.weights.fields import text
from lambdas.weights.snapshot import Snapshot

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")  # what Step Functions takes
_NUMBER = re.compile(r".*-([0-9]{1,9})")


@dataclass(frozen=True)
class Attempt:
    """`name` is the execution's."""

    snapshot: Snapshot
    name: str

    @classmethod
    def parse(cls, event: Mapping[str, object], snapshot: object) -> Attempt:
        """From an event's `attempt`, and the document that names its snapshot. Raises `BadRequest`."""
        name = text(event, "attempt")
        if not _NAME.fullmatch(name):
            raise BadRequest(f"attempt: {name[:100]!r} is no execution's name")
        return cls(Snapshot.parse(snapshot), name)

    @property
    def plan_key(self) -> str:
        return f"{self._folder}plan.json"

    @property
    def parts_key(self) -> str:
        return f"{self._folder}parts.json"

    @property
    def files_key(self) -> str:
        return f"{self._folder}files.json"

    @property
    def failures(self) -> str:
        return f"{self._folder}failures/"

    def failure_key(self, error: str) -> str:
        return f"{self.failures}{error}.json"

    def until_now(self, keys: Iterable[str]) -> list[str]:
        """Those of `keys` that are this attempt's own, or an earlier one's, which has ended."""
        return [key for key in keys if (name := self._owner(key)) and self._is_until_now(name)]

    @property
    def _folder(self) -> str:
        return f"{self.snapshot.attempts}{self.name}/"

    def _owner(self, key: str) -> str:
        """Whose document it is; empty for what belongs to none."""
        inside = key.removeprefix(self.snapshot.attempts)
        return "" if inside == key else inside.partition("/")[0]

    def _is_until_now(self, name: str) -> bool:
        ours, theirs = _NUMBER.fullmatch(self.name), _NUMBER.fullmatch(name)
        return name == self.name or (
            ours is not None and theirs is not None and int(theirs[1]) < int(ours[1])
        )
