"""Which execution of the stager stages a snapshot: names decide, so that two who ask at once get one copy.

Step Functions knows an execution's name for 90 days and starts nothing under a name that it knows; one that runs with
the same input is handed back as if it had been started now. So the name is made of the snapshot and of an attempt that
counts from 1; whoever finds a name taken looks at what became of it. Whoever has joined a run that was started for
other files goes on with the next attempt. The stager's own function follows the same rule with code of its own.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

from endpoints.weights.layout import SnapshotId

_ID_LENGTH: Final = 40
_SUCCEEDED: Final = "SUCCEEDED"
MOST_ATTEMPTS: Final = 500

# DescribeExecution is eventually consistent: for a moment it may not know what StartExecution has just started, or has
# just refused to start twice. So long, in seconds, whoever asks waits between looks, and only then believes it.
UNKNOWN_WAITS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)


class Found(StrEnum):
    """What an execution that has a name already means for whoever wanted to start it."""

    JOIN = "join"  # it runs: wait for it
    DONE = "done"  # it has staged the snapshot
    AGAIN = "again"  # it failed, or what it staged was removed since: the next attempt is free to start


def execution_id(snapshot: SnapshotId) -> str:
    """What every execution for `snapshot` begins with: 40 hexadecimal digits."""
    return hashlib.sha256(str(snapshot).encode()).hexdigest()[:_ID_LENGTH]


def execution_name(snapshot: SnapshotId, attempt: int) -> str:
    """The name of the attempt, which counts from 1."""
    return f"{execution_id(snapshot)}-{attempt}"


def what_to_do(status: str, *, has_manifest: bool) -> Found:
    """`status` is Step Functions' word for the execution that has the name."""
    if status in ("RUNNING", "PENDING_REDRIVE"):
        return Found.JOIN
    return Found.DONE if status == _SUCCEEDED and has_manifest else Found.AGAIN


def goes_on(status: str, *, joined: bool, is_staged: bool) -> bool:
    """Whether whoever waited starts (or joins) the next attempt: the run did well, but for the files of somebody else.

    A run of one's own that did well and left something out would do so for ever.
    """
    return joined and status == _SUCCEEDED and not is_staged
