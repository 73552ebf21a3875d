"""Are the weights there, and are they what the lock says? Would a deploy be able to stage what is missing?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.locks import LockedFile, missing_files, size_text
from endpoints.naming import stack_name
from endpoints.preflight.account_facts import AccountFacts, Fact, HubAccess, Staged
from endpoints.preflight.gaps import not_checked
from endpoints.preflight.planned import Plan, repository_of, revision_of
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, contradicted_by, lost_from, missing_from

WEIGHTS: Final = "weights"
MANIFEST: Final = "manifest"
HUB_LOADING: Final = "load-from-hub"

_MOST_NAMED: Final = 3
_MODEL_VARIABLES: Final = ("HF_MODEL_ID", "SM_VLLM_MODEL")


def weights_staged(plan: Plan, facts: AccountFacts) -> Iterator[Finding]:
    """Endpoints have no network. A deploy stages what is missing; what is there must be what the lock names."""
    if not plan.weights_prefixes:
        return
    if facts.weights is None:
        yield not_checked(WEIGHTS, plan.environment.name, "weights in the bucket", facts, Fact.WEIGHTS)
    elif facts.bucket is None:
        yield _no_bucket(plan)
    else:
        for prefix in plan.weights_prefixes:
            staged = facts.weights.get(prefix)
            if staged is None:
                what = f"weights of {prefix}"
                yield not_checked(WEIGHTS, plan.environment.name, what, facts, Fact.WEIGHTS)
            else:
                yield from _snapshot(plan, staged, facts.bucket, prefix)


def manifests(plan: Plan, facts: AccountFacts) -> Iterator[Finding]:
    """A commit fixes every byte. Only a recorded list of files lets everybody prove that these are the bytes."""
    if plan.environment.embedded:
        return  # it records what it serves as it starts
    for prefix, locked in plan.locked_snapshots.items():
        if locked.files is None:
            hopeless = not is_staged(facts, prefix) and _is_refused(facts, prefix)
            nobody = "; nor can the stager list them, whom the Hub does not let in" if hopeless else ""
            yield Finding(
                check=MANIFEST,
                severity=Severity.BLOCKER if hopeless else Severity.WARNING,
                where=locked.repository,
                found=f"the lock records no files of commit {locked.revision}{nobody}",
                expected="each file with its size and digest",
                remedy=f"Where the Hub can be reached: adept lock --env {plan.environment.name}"
                + ("; or, as it is staged: add --staged" if is_staged(facts, prefix) else ""),
            )


def loads_from_hub(plan: Plan) -> Iterator[Finding]:
    """A sandbox's choice: no instance starts while the Hub is out of reach."""
    for model in plan.models:
        source = next(
            (model.environment[name] for name in _MODEL_VARIABLES if name in model.environment), None
        )
        if model.weights_prefix is None and isinstance(source, str) and not source.startswith("/"):
            yield Finding(
                check=HUB_LOADING,
                severity=Severity.WARNING,
                where=model.where,
                found=f"the container loads {source} from {plan.environment.hub_url} whenever an instance starts",
                expected="weights that are staged and proved",
                remedy="Meant for sandboxes. Otherwise: load_from_hub: false in endpoints/catalogue/environments.yaml",
            )


def is_staged(facts: AccountFacts, prefix: str) -> bool:
    """True when the bucket holds the whole of it: its manifest is written last."""
    staged = (facts.weights or {}).get(prefix)
    return staged is not None and staged.manifest is not None


def _is_refused(facts: AccountFacts, prefix: str) -> bool:
    access = (facts.hub or {}).get(prefix)
    return access is not None and access is not HubAccess.GRANTED


def _no_bucket(plan: Plan) -> Finding:
    """The deploy makes the bucket and stages into it, which for a gated model needs the token first."""
    foundation = stack_name(plan.environment.name, "foundation")
    gated = ", ".join(repository_of(prefix) for prefix in plan.gated_snapshots)
    count = len(plan.weights_prefixes)
    snapshots = "1 snapshot" if count == 1 else f"{count} snapshots"
    if gated:
        return Finding(
            check=WEIGHTS,
            severity=Severity.BLOCKER,
            where=foundation,
            found=f"it is not deployed: no token can be stored yet, and without one nobody can stage {gated}",
            remedy=(
                f"cdk deploy -c environment={plan.environment.name} {foundation}   then: "
                f"adept token set --env {plan.environment.name}"
            ),
        )
    return Finding(
        check=WEIGHTS,
        severity=Severity.WARNING,
        where=foundation,
        found=f"it is not deployed yet: the deploy makes the bucket and stages {snapshots} into it",
        remedy="Nothing to do; the first deploy takes longer.",
    )


def _snapshot(plan: Plan, staged: Staged, bucket: str, prefix: str) -> Iterator[Finding]:
    manifest, locked = staged.manifest, _locked_files(plan, prefix)
    problems: tuple[str, ...] = (staged.damage,) if staged.damage else ()
    if manifest is not None:
        problems = _problems(staged, manifest, locked)
    if not problems and (manifest is None or missing_from(manifest, locked)):
        yield _not_staged(plan, staged, bucket, prefix)
    if problems:
        manifest_key = SnapshotId(repository_of(prefix), revision_of(prefix)).manifest_key
        yield Finding(
            check=WEIGHTS,
            severity=Severity.BLOCKER,
            where=repository_of(prefix),
            found=f"s3://{bucket}/{prefix}/ is not what it should be: {_shown(problems)}",
            expected=f"the files of commit {revision_of(prefix)}",
            remedy=(
                "Find out who writes to the bucket: the bytes of a commit cannot change. Then stage it anew: "
                f'aws s3 rm "s3://{bucket}/{manifest_key}" && adept stage --env {plan.environment.name}'
            ),
        )


def _problems(staged: Staged, manifest: Manifest, locked: tuple[LockedFile, ...]) -> tuple[str, ...]:
    """Against what lies in the bucket, against the lock, and against what an engine needs where the lock is silent."""
    there = lost_from(manifest, staged.sizes)
    meant = [f"{path} has other content than the lock names" for path in contradicted_by(manifest, locked)]
    needed = () if locked else missing_files(file.path for file in manifest.files)
    return (*there, *meant, *(f"it has no {name}" for name in needed))


def _locked_files(plan: Plan, prefix: str) -> tuple[LockedFile, ...]:
    locked = plan.locked_snapshots.get(prefix)
    return (locked.files or ()) if locked else ()


def _not_staged(plan: Plan, staged: Staged, bucket: str, prefix: str) -> Finding:
    if staged.manifest is not None:
        what = f"without {_shown(missing_from(staged.manifest, _locked_files(plan, prefix)))}"
    else:
        what = "files without a manifest" if staged.sizes else "nothing"
    locked = plan.locked_snapshots.get(prefix)
    size = f", {size_text(locked.total_bytes)}" if locked and locked.total_bytes is not None else ""
    return Finding(
        check=WEIGHTS,
        severity=Severity.WARNING,
        where=repository_of(prefix),
        found=f"{what} at s3://{bucket}/{prefix}/: the deploy stages it first{size}",
        expected=f"the files of commit {revision_of(prefix)}",
        remedy=f"Ahead of time, with progress: adept stage --env {plan.environment.name}   (docs/weights-and-token.md)",
    )


def _shown(problems: tuple[str, ...]) -> str:
    more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
    return "; ".join(problems[:_MOST_NAMED]) + more
