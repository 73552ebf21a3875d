"""What may be removed: only what no lock names, no model loads and nobody is staging."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from endpoints.weights.executions import execution_name
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile
from endpoints.weights.retention import (
    InUse,
    OpenUpload,
    StoredSnapshot,
    in_short,
    plan_prune,
    reasons_to_keep,
    usd_per_month,
)

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
LONG_AGO = NOW - dt.timedelta(days=90)
SNAPSHOT = SnapshotId("some/model", "0e9e39f249a16976918f6564b8830bc894c89659")
MANIFEST = Manifest.of(
    SNAPSHOT, [StagedFile(path="x", size_bytes=7, sha256="a" * 64)], staged_from="folder", staged_at="then"
)


def _stored(**changes: Any) -> StoredSnapshot:
    values: dict[str, Any] = {
        "snapshot": SNAPSHOT,
        "manifest": MANIFEST,
        "keys": ("x",),
        "size_bytes": 7,
        "last_written": LONG_AGO,
    }
    return StoredSnapshot(**values | changes)


def test_what_nobody_needs_goes() -> None:
    plan = plan_prune([_stored()], InUse(), NOW)

    assert [one.snapshot for one in plan.remove] == [SNAPSHOT]
    assert plan.keep == {}
    assert plan.size_bytes == 7


@pytest.mark.parametrize(
    ("in_use", "reason"),
    [
        (InUse(locks={SNAPSHOT: ("production", "bygone")}), ("lock of bygone", "lock of production")),
        (InUse(repositories={"some/model": ("sandbox",)}), ("lock of sandbox",)),
        (InUse(models={SNAPSHOT: ("adept-x-Model",)}), ("model adept-x-Model",)),
        (InUse(executions=[execution_name(SNAPSHOT, 3)]), ("is being staged",)),
    ],
)
def test_what_somebody_needs_stays_and_it_is_said_who(in_use: InUse, reason: tuple[str, ...]) -> None:
    plan = plan_prune([_stored()], in_use, NOW)

    assert plan.remove == ()
    assert plan.keep == {SNAPSHOT: reason}


def test_of_many_models_one_is_named() -> None:
    assert (
        in_short(("lock of staging", "model a", "model b", "model c"))
        == "lock of staging, model a and 2 more"
    )
    assert in_short(("model a", "is being staged")) == "model a, is being staged"
    assert in_short(()) == ""


def test_another_commit_of_a_needed_model_goes() -> None:
    other = SnapshotId("some/model", "1" * 40)
    plan = plan_prune([_stored(), _stored(snapshot=other)], InUse(locks={SNAPSHOT: ("staging",)}), NOW)

    assert [one.snapshot for one in plan.remove] == [other]


def test_an_unfinished_one_stays_for_a_day_because_somebody_may_be_copying_it_from_a_folder() -> None:
    fresh = _stored(manifest=None, last_written=NOW - dt.timedelta(hours=23))
    stale = _stored(manifest=None, last_written=NOW - dt.timedelta(hours=25))

    assert reasons_to_keep(fresh, InUse(), NOW) == ("was written to in the last 24 hours",)
    assert reasons_to_keep(stale, InUse(), NOW) == ()


@pytest.mark.parametrize(
    ("age", "reasons"),
    [
        (dt.timedelta(minutes=59), ("staged less than an hour ago",)),
        (dt.timedelta(minutes=61), ("staged 1 hour ago",)),
        (dt.timedelta(hours=23, minutes=59), ("staged 23 hours ago",)),
        (dt.timedelta(hours=24), ()),
    ],
)
def test_a_complete_one_stays_for_a_day_because_the_deploy_that_it_is_for_may_not_have_begun(
    age: dt.timedelta, reasons: tuple[str, ...]
) -> None:
    assert reasons_to_keep(_stored(last_written=NOW - age), InUse(), NOW) == reasons


def test_who_needs_it_says_more_than_when_it_was_staged() -> None:
    fresh = _stored(last_written=NOW)

    assert reasons_to_keep(fresh, InUse(locks={SNAPSHOT: ("staging",)}), NOW) == ("lock of staging",)


def test_parts_of_unfinished_uploads_cost_as_objects_do() -> None:
    stored = _stored(uploads=(OpenUpload("k", "u", 5, LONG_AGO), OpenUpload("l", "v", 6, LONG_AGO)))

    assert (stored.upload_bytes, stored.all_bytes) == (11, 18)


def test_a_price_is_for_gib_and_an_unknown_one_stays_unknown() -> None:
    assert usd_per_month(100 * 2**30, 0.023) == pytest.approx(2.3)
    assert usd_per_month(100, None) is None
    assert usd_per_month(0, 0.023) == 0
