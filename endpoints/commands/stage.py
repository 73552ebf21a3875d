"""`adept stage`: the weights that an environment's lock names, copied into its bucket ahead of a deploy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from endpoints.adapters.hub_staging import lost_files, snapshot_id_of, stage_from_hub, staged_before
from endpoints.adapters.snapshot_sources import BucketPrefix, Folder, SourceTree
from endpoints.adapters.source_staging import look_for, stage_from_source
from endpoints.adapters.stager import Stager
from endpoints.commands.access import LOCAL
from endpoints.commands.byte_bars import ByteBars
from endpoints.commands.environment_weights import EnvironmentWeights, chosen_snapshots, weights_of
from endpoints.commands.output import (
    EnvironmentOption,
    JsonOption,
    print_json,
    print_table,
    progress,
    say,
    this_command,
)
from endpoints.errors import StagingError
from endpoints.locks import LockedSnapshot
from endpoints.naming import stack_name
from endpoints.weights.layout import SnapshotId
from endpoints.weights.outcomes import Outcome, Status, all_staged
from endpoints.weights.retention import BYTES_PER_GB

INTERRUPTED = 130  # as shells say of a program that Ctrl-C has ended
_S3 = "s3://"


def stage(
    environment: EnvironmentOption = LOCAL,
    model: Annotated[
        str | None, typer.Option("--model", help="Only what this model needs. Default: the whole lock.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="DIR|s3://BUCKET/PREFIX", help="Copy from there, not from the Hub."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Stage the snapshots of an environment's lock. Exit code 1 unless every one is staged."""
    weights = weights_of(environment)
    if source is not None:
        _tree(weights, source)  # a folder that is not there is an error, whatever is staged already
    snapshots = chosen_snapshots(weights, model)
    if not snapshots:
        progress(f"{environment} loads its models from the Hub: there is nothing to stage")
    before = {one: staged_before(weights.store, one) for one in snapshots}
    missing = [one for one, outcome in before.items() if outcome is None]
    known = [outcome for outcome in before.values() if outcome is not None]
    if source is not None and snapshots and not missing:
        progress(f"everything is staged already: nobody has looked into {source}")
    made = _staged(weights, missing, source, named=model is not None) if missing else ()
    outcomes = sorted((*known, *made), key=lambda one: one.snapshot)
    if as_json:
        print_json({"environment": environment, "snapshots": [one.as_json() for one in outcomes]})
    elif outcomes:
        _print(environment, weights, outcomes)
    if not all_staged(outcomes):
        raise typer.Exit(1)


def _staged(
    weights: EnvironmentWeights, missing: Sequence[LockedSnapshot], source: str | None, *, named: bool
) -> tuple[Outcome, ...]:
    try:
        _unseal_what_is_damaged(weights, missing)
        if source is None:
            return _from_hub(weights, missing)
        return _from_source(weights, missing, source, named=named)
    except KeyboardInterrupt:
        if source is None:
            progress(f"The staging goes on in the account. Watch it again: {this_command()}")
        else:
            progress(f"Broken off. What is in the bucket is not copied again: {this_command()}")
        raise typer.Exit(INTERRUPTED) from None


def _unseal_what_is_damaged(weights: EnvironmentWeights, missing: Sequence[LockedSnapshot]) -> None:
    """A manifest whose files are gone would pass for a staged snapshot, here and to the stager."""
    for one in missing:
        snapshot = snapshot_id_of(one)
        if gone := lost_files(weights.store, snapshot):
            progress(
                f"{snapshot} has a manifest, but {', '.join(gone)} is gone or was replaced: staging it anew"
            )
            weights.store.unseal(snapshot)


def _from_hub(weights: EnvironmentWeights, missing: Sequence[LockedSnapshot]) -> tuple[Outcome, ...]:
    stager = _stager(weights)
    if stager is None:
        foundation = stack_name(weights.environment.name, "foundation")
        raise StagingError(
            f"stack {foundation} has no stager: it was deployed before there was one",
            remedy=f"Deploy it again: cdk deploy -c environment={weights.environment.name} {foundation}",
        )
    progress(f"staging {_count(missing)} in the account: Ctrl-C leaves it running")
    totals = {str(snapshot_id_of(one)): one.total_bytes for one in missing}
    with ByteBars(totals) as bars:
        return stage_from_hub(weights.store, stager, missing, bars, environment=weights.environment)


def _from_source(
    weights: EnvironmentWeights, missing: Sequence[LockedSnapshot], source: str, *, named: bool
) -> tuple[Outcome, ...]:
    stager = _stager(weights)
    tree = _tree(weights, source)
    progress(f"looking for {_count(missing)} in {tree.name}")
    found, refused = look_for(tree, missing, running=stager.running() if stager else (), named=named)
    for one in found:
        if not one.proved:
            progress(
                f"no lock names the files of {one.snapshot}: they are copied as they are in {one.source.name}"
            )
    with ByteBars({str(one.snapshot): one.size_bytes for one in found}) as bars:
        made = [stage_from_source(weights.store, one, bars) for one in found]
    return (*refused, *made)


def _tree(weights: EnvironmentWeights, source: str) -> SourceTree:
    if not source.strip():
        raise StagingError(
            "--from names nothing",
            remedy="Give a folder or s3://BUCKET/PREFIX. Is a variable of the shell empty?",
        )
    if not source.startswith(_S3):
        return Folder(Path(source).expanduser())
    bucket, _, prefix = source.removeprefix(_S3).partition("/")
    if not bucket:
        raise StagingError(f"{source} names no bucket", remedy="Give s3://BUCKET or s3://BUCKET/PREFIX.")
    return BucketPrefix(weights.account, bucket, prefix.strip("/"))


def _stager(weights: EnvironmentWeights) -> Stager | None:
    arn = weights.foundation.stager
    return None if arn is None else Stager(weights.account, arn)


def _count(snapshots: Sequence[LockedSnapshot]) -> str:
    return f"{len(snapshots)} snapshot{'s'[: len(snapshots) != 1]}"


def _print(environment: str, weights: EnvironmentWeights, outcomes: Sequence[Outcome]) -> None:
    print_table(
        f"Weights of {environment} in s3://{weights.foundation.bucket}",
        ("repository", "commit", ">GB", ">files", "result", ">MB/s"),
        [_row(one.snapshot, one) for one in outcomes],
    )
    for one in outcomes:
        if one.message:
            say(f"{one.snapshot}: {one.message}")
            for line in (one.remedy or "").splitlines():
                say(f"  {line}")
    staged = sum(one.is_staged for one in outcomes)
    if staged < len(outcomes) > 1:
        say(
            f"{staged} of {len(outcomes)} snapshots are staged; what is staged stays, and is not copied again."
        )


def _row(snapshot: SnapshotId, outcome: Outcome) -> tuple[object, ...]:
    size, took_s = outcome.size_bytes, outcome.took_s
    rate = f"{size / took_s / 1e6:,.0f}" if outcome.status is Status.STAGED and size and took_s else None
    return (
        snapshot.repository,
        snapshot.revision,
        None if size is None else f"{size / BYTES_PER_GB:,.2f}",
        outcome.files,
        outcome.status.value,
        rate,
    )
