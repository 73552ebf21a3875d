"""`adept weights`: what lies in an environment's bucket, what it costs, and removing what nobody needs."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from endpoints.adapters.models_in_use import models_in_use
from endpoints.adapters.stager import Stager
from endpoints.catalogue import StoragePrice, load_catalogue
from endpoints.commands.access import LOCAL
from endpoints.commands.asking import confirmed
from endpoints.commands.environment_weights import EnvironmentWeights, every_lock, weights_of
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, print_table, progress, say
from endpoints.errors import StagingError
from endpoints.locks import Lock
from endpoints.weights.layout import SnapshotId
from endpoints.weights.retention import (
    BYTES_PER_GB,
    InUse,
    PrunePlan,
    StoredSnapshot,
    in_short,
    not_loadable,
    plan_prune,
    reasons_to_keep,
    usd_per_month,
)

app = typer.Typer(
    help="The staged weights of an environment: what is there, what it costs, what may go.",
    no_args_is_help=True,
)


@app.command("list")
def list_weights(environment: EnvironmentOption = LOCAL, as_json: JsonOption = False) -> None:
    """Every snapshot in the bucket, unfinished ones included, and who needs it."""
    weights = weights_of(environment)
    stored = weights.store.inventory(progress)
    in_use, now = _in_use(weights), _now()
    reasons = {one.snapshot: reasons_to_keep(one, in_use, now) for one in stored}
    price = load_catalogue().storage_price(weights.environment.region)
    lacking = not_loadable(stored, in_use)
    if as_json:
        print_json(
            {
                "environment": environment,
                "bucket": weights.foundation.bucket,
                "usd_per_gb_month": price.usd_per_gb_month if price else None,
                "snapshots": [_as_json(one, reasons[one.snapshot], price) for one in stored],
                "not_loadable": [_lack_as_json(one, why, in_use) for one, why in lacking.items()],
            }
        )
        return
    if stored:
        _print_table(f"Weights in s3://{weights.foundation.bucket}", stored, price, reasons)
        _say_price(sum(one.all_bytes for one in stored), price)
    else:
        say(f"s3://{weights.foundation.bucket} holds no weights. Stage them: adept stage --env {environment}")
    _say_lacking(environment, lacking, in_use)


@app.command("prune")
def prune(
    environment: EnvironmentOption = LOCAL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove snapshots that no lock names and no model loads. Nothing is ever removed by itself."""
    if not (dry_run or yes or sys.stdin.isatty()):
        raise StagingError(
            "nobody can be asked here", remedy=f"Say it: adept weights prune --env {environment} --yes"
        )
    weights = weights_of(environment)
    in_use = _in_use(weights)
    plan = plan_prune(weights.store.inventory(progress), in_use, _now())
    price = load_catalogue().storage_price(weights.environment.region)
    if not as_json:
        _print_plan(plan, price)
    if plan.remove and not dry_run:
        if not yes:
            plan = _confirmed(weights, plan)
        _remove(weights, plan)
    if as_json:
        print_json(_plan_as_json(environment, plan, price, removed=not dry_run))
    elif dry_run or not plan.remove:
        say("Nothing was removed.")
    else:
        say(f"Removed: {plan.size_bytes / BYTES_PER_GB:,.2f} GB.")


def _confirmed(weights: EnvironmentWeights, plan: PrunePlan) -> PrunePlan:
    """What is to be removed once somebody has said so. Thinking it over takes time, in which others deploy."""
    if not confirmed("Remove them for good?"):
        raise StagingError("nothing was removed")
    now = plan_prune(plan.remove, _in_use(weights), _now())
    for snapshot, reasons in now.keep.items():
        progress(f"{snapshot} stays, somebody needs it by now: {in_short(reasons)}")
    return PrunePlan(now.remove, {**plan.keep, **now.keep})


def _remove(weights: EnvironmentWeights, plan: PrunePlan) -> None:
    for one in plan.remove:
        progress(f"removing {one.snapshot}")
        weights.store.remove(one)


def _in_use(weights: EnvironmentWeights) -> InUse:
    """Everything that needs a snapshot. Raises rather than to leave somebody out."""
    locks = every_lock()
    stager = weights.foundation.stager
    return InUse(
        locks=_by_snapshot(locks),
        repositories=_by_repository(locks),
        models=models_in_use(weights.account, weights.foundation.bucket, progress),
        executions=Stager(weights.account, stager).running() if stager else (),
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _by_snapshot(locks: Sequence[Lock]) -> dict[SnapshotId, tuple[str, ...]]:
    found: dict[SnapshotId, tuple[str, ...]] = {}
    for lock in locks:
        for one in lock.snapshots:
            if one.revision is not None:
                snapshot = SnapshotId(one.repository, one.revision)
                found[snapshot] = (*found.get(snapshot, ()), lock.environment)
    return found


def _by_repository(locks: Sequence[Lock]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for lock in locks:
        for one in lock.snapshots:
            if one.revision is None:
                found[one.repository] = (*found.get(one.repository, ()), lock.environment)
    return found


def _print_plan(plan: PrunePlan, price: StoragePrice | None) -> None:
    for snapshot, reasons in plan.keep.items():
        say(f"· {snapshot} stays: {in_short(reasons)}")
    if plan.remove:
        _print_table("Nobody needs", plan.remove, price, {})
        _say_price(plan.size_bytes, price)
    else:
        say("Every snapshot stays, for the reason beside it." if plan.keep else "There is no snapshot.")


def _print_table(
    title: str,
    stored: Sequence[StoredSnapshot],
    price: StoragePrice | None,
    reasons: dict[SnapshotId, tuple[str, ...]],
) -> None:
    print_table(
        title,
        ("repository", "commit", ">GB", ">files", "staged", "from", "stays because", ">USD a month"),
        [_row(one, reasons.get(one.snapshot, ()), price) for one in stored],
    )


def _row(stored: StoredSnapshot, reasons: tuple[str, ...], price: StoragePrice | None) -> tuple[object, ...]:
    manifest = stored.manifest
    cost = usd_per_month(stored.all_bytes, price.usd_per_gb_month if price else None)
    return (
        stored.snapshot.repository,
        stored.snapshot.revision,
        f"{stored.all_bytes / BYTES_PER_GB:,.2f}",
        len(manifest.files) if manifest else None,
        manifest.staged_at[:16].replace("T", " ")
        if manifest
        else f"unfinished since {stored.last_written:%Y-%m-%d %H:%M}",
        manifest.staged_from if manifest else None,
        in_short(reasons) or None,
        None if cost is None else f"{cost:,.2f}",
    )


def _say_lacking(environment: str, lacking: Mapping[SnapshotId, str], in_use: InUse) -> None:
    for snapshot, why in lacking.items():
        say(
            f"{snapshot} cannot be loaded: {why}. It is what these models load: {', '.join(in_use.models[snapshot])}"
        )
    if lacking:
        say(
            f"What runs keeps running; a new instance cannot start. Stage them again: adept stage --env {environment}"
        )


def _lack_as_json(snapshot: SnapshotId, why: str, in_use: InUse) -> dict[str, Any]:
    return {
        "repository": snapshot.repository,
        "revision": snapshot.revision,
        "why": why,
        "models": list(in_use.models[snapshot]),
    }


def _say_price(size_bytes: int, price: StoragePrice | None) -> None:
    size = f"{size_bytes / BYTES_PER_GB:,.2f} GB"
    if price is None or price.usd_per_gb_month is None:
        say(f"Together {size}; what storage costs in this region is not known here.")
        return
    cost = usd_per_month(size_bytes, price.usd_per_gb_month)
    say(
        f"Together {size}, {cost:,.2f} USD a month: S3 Standard at {price.usd_per_gb_month} USD per GB and month in "
        f"{price.region}, as of {price.date}."
    )


def _as_json(stored: StoredSnapshot, reasons: tuple[str, ...], price: StoragePrice | None) -> dict[str, Any]:
    manifest = stored.manifest
    return {
        "repository": stored.snapshot.repository,
        "revision": stored.snapshot.revision,
        "complete": manifest is not None,
        "size_bytes": stored.all_bytes,
        "unfinished_upload_bytes": stored.upload_bytes,
        "files": len(manifest.files) if manifest else None,
        "staged_at": manifest.staged_at if manifest else None,
        "staged_from": manifest.staged_from if manifest else None,
        "last_written": stored.last_written.isoformat(timespec="seconds"),
        "needed_by": list(reasons),
        "usd_per_month": usd_per_month(stored.all_bytes, price.usd_per_gb_month if price else None),
    }


def _plan_as_json(
    environment: str, plan: PrunePlan, price: StoragePrice | None, *, removed: bool
) -> dict[str, Any]:
    return {
        "environment": environment,
        "removed": removed,
        "size_bytes": plan.size_bytes,
        "usd_per_month": usd_per_month(plan.size_bytes, price.usd_per_gb_month if price else None),
        "snapshots": [_as_json(one, (), price) for one in plan.remove],
        "kept": {str(snapshot): list(reasons) for snapshot, reasons in plan.keep.items()},
    }
