"""What one run of one way to bring the snapshot into the bucket has cost."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """`steps_s` are the seconds of its steps by name, in order; together they are the run.

    `disk_bytes` lay on the disk of whoever copies at most; `read_back_bytes` were fetched from S3 to prove the files.
    `memory_mib` is the most that one of its processes ever had resident.
    """

    steps_s: dict[str, float] = field(default_factory=dict)
    disk_bytes: int = 0
    read_back_bytes: int = 0
    memory_mib: float = 0.0

    @property
    def seconds(self) -> float:
        return sum(self.steps_s.values())
