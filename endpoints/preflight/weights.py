"""Are the weights there, all of them, and may they be fetched?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.naming import stack_name
from endpoints.preflight.gaps import not_checked
from endpoints.preflight.hub_remedies import hub_remedy
from endpoints.preflight.planned import Plan, repository_of, revision_of
from endpoints.preflight.snapshot import Fact, HubAccess, Snapshot

WEIGHTS: Final = "weights"
HUB_ACCESS: Final = "hub-access"

_SHARD: Final = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors")
_GUIDE: Final = "docs/weights-and-token.md"


def weights_staged(plan: Plan, snapshot: Snapshot) -> Iterator[Finding]:
    """Endpoints have no network: what is not in the bucket is not loaded."""
    if not plan.weights_prefixes:
        return
    if snapshot.weights is None:
        yield not_checked(WEIGHTS, plan.environment.name, "weights in the bucket", snapshot, Fact.WEIGHTS)
    elif snapshot.bucket is None:
        yield _no_bucket(plan)
    else:
        for prefix in plan.weights_prefixes:
            yield from _snapshot(plan, snapshot, snapshot.bucket, prefix)


def hub_access(plan: Plan, snapshot: Snapshot) -> Iterator[Finding]:
    """Only the stored token can fetch a gated model. It matters less once the snapshot is in the bucket."""
    for prefix in plan.gated_snapshots:
        access = (snapshot.hub or {}).get(prefix)
        if access is None:
            what = f"access to {repository_of(prefix)} on the Hub"
            yield not_checked(HUB_ACCESS, plan.environment.name, what, snapshot, Fact.HUB)
        elif access is not HubAccess.GRANTED:
            yield Finding(
                check=HUB_ACCESS,
                severity=Severity.WARNING if _is_staged(snapshot, prefix) else Severity.BLOCKER,
                where=repository_of(prefix),
                found=str(access),
                expected="a stored token whose owner may read the model",
                remedy=hub_remedy(
                    access,
                    repository_of(prefix),
                    environment=plan.environment.name,
                    hub_url=plan.environment.hub_url,
                ),
            )


def missing_files(names: Iterable[str]) -> tuple[str, ...]:
    """What a complete snapshot would have besides `names`: its configuration, weights, and every shard of them."""
    present = frozenset(names)
    missing = [] if "config.json" in present else ["config.json"]
    if not any(name.endswith(".safetensors") for name in present):
        missing.append("*.safetensors")
    return (*missing, *sorted(_missing_shards(present)))


def _missing_shards(present: frozenset[str]) -> set[str]:
    wanted = {
        f"{shard['stem']}-{number:05d}-of-{shard['count']}.safetensors"
        for name in present
        if (shard := _SHARD.fullmatch(name))
        for number in range(1, int(shard["count"]) + 1)
    }
    return wanted - present


def _is_staged(snapshot: Snapshot, prefix: str) -> bool:
    names = (snapshot.weights or {}).get(prefix)
    return names is not None and not missing_files(names)


def _no_bucket(plan: Plan) -> Finding:
    foundation = stack_name(plan.environment.name, "foundation")
    return Finding(
        check=WEIGHTS,
        severity=Severity.BLOCKER,
        where=foundation,
        found="it is not deployed: there is no bucket that could hold the weights",
        remedy=(
            f"cdk deploy -c environment={plan.environment.name} {foundation}   then: "
            f"adept stage --env {plan.environment.name}   ({_GUIDE})"
        ),
    )


def _snapshot(plan: Plan, snapshot: Snapshot, bucket: str, prefix: str) -> Iterator[Finding]:
    names = (snapshot.weights or {}).get(prefix)
    if names is None:
        yield not_checked(WEIGHTS, plan.environment.name, f"weights of {prefix}", snapshot, Fact.WEIGHTS)
    elif missing := missing_files(names):
        yield Finding(
            check=WEIGHTS,
            severity=Severity.BLOCKER,
            where=repository_of(prefix),
            found=_what_is_missing(bucket, prefix, names, missing),
            expected=f"the files of commit {revision_of(prefix)}",
            remedy=f"Stage it: adept stage --env {plan.environment.name} --model {repository_of(prefix)}   ({_GUIDE})",
        )


def _what_is_missing(bucket: str, prefix: str, names: tuple[str, ...], missing: tuple[str, ...]) -> str:
    if not names:
        return f"nothing at s3://{bucket}/{prefix}/"
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return f"incomplete at s3://{bucket}/{prefix}/: without {shown}"
