"""What lies in S3 and is read again while all runs: the router's table, and what a new instance loads. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.verify.live import LiveEndpoint
from endpoints.weights.layout import SnapshotId, snapshot_of_uri

_MOST_TOLD: Final = 3

Loaded = tuple[str, SnapshotId]
"""A bucket, and a snapshot in it."""


def loaded_snapshots(endpoints: Iterable[LiveEndpoint]) -> dict[Loaded, tuple[str, ...]]:
    """What the running variants' models name, by whom: `<endpoint>/<variant>`. What is no snapshot is left out."""
    found: dict[Loaded, list[str]] = {}
    for endpoint in endpoints:
        for variant in endpoint.variants:
            uri = variant.model_data or ""
            bucket = uri.removeprefix("s3://").partition("/")[0]
            if snapshot := snapshot_of_uri(uri, bucket):
                found.setdefault((bucket, snapshot), []).append(f"{endpoint.name}/{variant.name}")
    return {loaded: tuple(places) for loaded, places in found.items()}


def compare_snapshots(
    environment: str, loaded: Mapping[Loaded, Sequence[str]], problems: Mapping[Loaded, str]
) -> Iterator[Finding]:
    """A variant whose snapshot is not whole serves on, and no instance can be added or replaced."""
    for (bucket, snapshot), problem in problems.items():
        for where in loaded[bucket, snapshot]:
            yield Finding(
                check="weights",
                severity=Severity.BLOCKER,
                where=where,
                found=f"what its model loads is not whole: s3://{bucket}/{snapshot.prefix}: {problem}. What runs keeps "
                "running; a new instance cannot start",
                expected=f"the files of commit {snapshot.revision}, and their manifest",
                remedy=f"Stage it again: adept stage --env {environment}",
            )


def not_looked_at(check: str, where: str, why: str, remedy: str | None) -> Finding:
    """What S3 refused to show: nobody may take it for checked."""
    return Finding(
        check=check,
        severity=Severity.WARNING,
        where=where,
        found=f"it could not be looked at: {why}",
        remedy=remedy,
    )


def compare_route_table(environment: str, url: str, faults: Sequence[str]) -> Iterator[Finding]:
    """A table that the router does not take: what it has in force is told by nothing that anybody can read."""
    if faults:
        told = "; ".join(fault.removeprefix(f"{url}: ") for fault in faults[:_MOST_TOLD])
        more = f"; and {len(faults) - _MOST_TOLD} more" if len(faults) > _MOST_TOLD else ""
        yield Finding(
            check="route-table",
            severity=Severity.BLOCKER,
            where=url,
            found=f"the router does not take this table, and keeps the last good one: {told}{more}",
            expected=f"a valid route table of {environment}",
            remedy=f"Put the catalogue's there: adept routes push --env {environment}",
        )
