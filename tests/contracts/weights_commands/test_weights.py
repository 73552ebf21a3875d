"""`adept weights`: what is there and who needs it; and that nothing goes that anybody needs."""

from __future__ import annotations

import datetime as dt
import io

import pytest
import typer

from endpoints.commands import weights
from endpoints.locks import LockedSnapshot
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest, StagedFile
from tests.contracts.weights_commands.conftest import Adept, Deployed, locked

NEEDED, BYGONE, LOADED, USELESS = (
    SnapshotId(f"acme/{name}", digit * 40)
    for name, digit in (("needed", "1"), ("bygone", "2"), ("loaded", "3"), ("useless", "4"))
)
BODY = b"{}"


@pytest.fixture(autouse=True)
def _two_days_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test stages is two days old when the command looks."""
    monkeypatch.setattr(weights, "_now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=2))


def _staged(deployed: Deployed, *snapshots: SnapshotId) -> None:
    for snapshot in snapshots:
        deployed.store.write(f"{snapshot.prefix}config.json", BODY)
        files = [StagedFile(path="config.json", size_bytes=len(BODY), sha256="a" * 64)]
        deployed.store.seal(
            Manifest.of(snapshot, files, staged_from="folder", staged_at="2026-11-26T12:00:00+00:00")
        )


def _everything(deployed: Deployed) -> None:
    """One snapshot that a lock needs, one that the lock of an older environment does, one that a model loads, one."""
    _staged(deployed, NEEDED, BYGONE, LOADED, USELESS)
    deployed.lock(_locked(NEEDED))
    deployed.lock(_locked(BYGONE), environment="bygone")
    source = {
        "S3DataSource": {
            "S3Uri": deployed.store.url(LOADED.prefix),
            "S3DataType": "S3Prefix",
            "CompressionType": "None",
        }
    }
    sagemaker = deployed.world.client("sagemaker")
    if not sagemaker.list_models(NameContains="loads")["Models"]:
        sagemaker.create_model(
            ModelName="loads",
            ExecutionRoleArn="arn:aws:iam::000000000000:role/any",
            PrimaryContainer={
                "Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/i:t",
                "ModelDataSource": source,
            },
        )


def _locked(snapshot: SnapshotId) -> LockedSnapshot:
    return locked(snapshot.repository, snapshot.revision)


def _there(deployed: Deployed) -> list[SnapshotId]:
    return [stored.snapshot for stored in deployed.store.inventory(lambda _: None)]


def test_list_tells_who_needs_each_snapshot_and_what_it_costs(adept: Adept, deployed: Deployed) -> None:
    _everything(deployed)
    done = adept("weights", "list", "--env", "staging", "--json")

    needed_by = {one["repository"]: one["needed_by"] for one in done.document["snapshots"]}
    assert done.exit_code == 0
    assert needed_by == {
        "acme/bygone": ["lock of bygone"],
        "acme/loaded": ["model loads"],
        "acme/needed": ["lock of staging"],
        "acme/useless": [],
    }
    assert done.document["usd_per_gb_month"] == 0.023
    assert {one["staged_from"] for one in done.document["snapshots"]} == {"folder"}
    assert "as of 2025-10-28" in adept("weights", "list", "--env", "staging").printed


def test_an_unfinished_one_is_listed_as_such(adept: Adept, deployed: Deployed) -> None:
    deployed.lock()
    deployed.store.write(f"{USELESS.prefix}config.json", BODY)
    (told,) = adept("weights", "list", "--env", "staging", "--json").document["snapshots"]

    assert (told["complete"], told["files"], told["staged_at"]) == (False, None, None)
    assert "unfinished since" in adept("weights", "list", "--env", "staging").printed


def test_an_empty_bucket(adept: Adept, deployed: Deployed) -> None:
    deployed.lock()
    done = adept("weights", "list", "--env", "staging")

    assert done.exit_code == 0
    assert "holds no weights. Stage them: adept stage --env staging" in done.printed


def test_models_that_load_what_is_not_whole_are_named(adept: Adept, deployed: Deployed) -> None:
    _everything(deployed)
    assert adept("weights", "list", "--env", "staging", "--json").document["not_loadable"] == []

    deployed.store.delete_keys([f"{LOADED.prefix}config.json"])
    done = adept("weights", "list", "--env", "staging")
    assert f"{LOADED} cannot be loaded: config.json is gone" in done.printed
    assert "these models load: loads" in done.printed

    deployed.store.delete_keys([str(one["Key"]) for one in deployed.store.listed("")])
    done = adept("weights", "list", "--env", "staging")
    assert "holds no weights" in done.printed
    assert f"{LOADED} cannot be loaded: nothing is there" in done.printed
    assert "adept stage --env staging" in done.printed
    (lacking,) = adept("weights", "list", "--env", "staging", "--json").document["not_loadable"]
    assert (lacking["repository"], lacking["models"]) == (LOADED.repository, ["loads"])


def test_what_stays_because_it_is_of_today_is_not_called_needed(
    adept: Adept, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_now", lambda: dt.datetime.now(dt.UTC))
    deployed.lock()
    deployed.store.write(f"{USELESS.prefix}config.json", BODY)
    pruned = adept("weights", "prune", "--env", "staging", "--dry-run").printed
    listed = adept("weights", "list", "--env", "staging").printed

    assert f"{USELESS} stays: was written to in the last 24 hours" in pruned
    assert "Every snapshot stays, for the reason beside it." in pruned
    assert "stays because" in listed
    assert "needed" not in pruned + listed


def test_where_there_is_nothing_nothing_is_said_to_stay(adept: Adept, deployed: Deployed) -> None:
    deployed.lock()

    assert "There is no snapshot." in adept("weights", "prune", "--env", "staging", "--dry-run").printed


def test_a_dry_run_shows_and_changes_nothing(adept: Adept, deployed: Deployed) -> None:
    _everything(deployed)
    before = deployed.world.objects()
    done = adept("weights", "prune", "--env", "staging", "--dry-run")

    assert done.exit_code == 0
    assert f"{LOADED} stays: model loads" in done.printed
    assert "acme/useless" in done.printed
    assert "Nothing was removed." in done.printed
    assert deployed.world.objects() == before


def test_only_what_nobody_needs_is_removed(adept: Adept, deployed: Deployed) -> None:
    _everything(deployed)
    done = adept("weights", "prune", "--env", "staging", "--yes", "--json")

    assert done.exit_code == 0
    assert [one["repository"] for one in done.document["snapshots"]] == ["acme/useless"]
    assert _there(deployed) == [BYGONE, LOADED, NEEDED]
    assert "Nothing was removed." in adept("weights", "prune", "--env", "staging", "--yes").stdout


def test_what_was_staged_today_stays_although_nobody_needs_it_yet(
    adept: Adept, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    _everything(deployed)
    monkeypatch.setattr(weights, "_now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=3, minutes=1))
    done = adept("weights", "prune", "--env", "staging", "--yes")

    assert done.exit_code == 0
    assert f"{USELESS} stays: staged 3 hours ago" in done.printed
    assert USELESS in _there(deployed)


class Terminal(io.StringIO):
    """A standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_somebody_is_asked(
    adept: Adept, deployed: Deployed, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    _everything(deployed)
    monkeypatch.setattr(io, "StringIO", Terminal)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: answer)
    done = adept("weights", "prune", "--env", "staging")

    assert done.exit_code == (0 if answer else 1)
    assert (USELESS in _there(deployed)) is not answer


def test_what_somebody_locked_or_deployed_while_another_thought_it_over_stays(
    adept: Adept, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    _everything(deployed)

    def meanwhile(*_: object, **__: object) -> bool:
        deployed.lock(_locked(NEEDED), _locked(USELESS))
        return True

    monkeypatch.setattr(io, "StringIO", Terminal)
    monkeypatch.setattr(typer, "confirm", meanwhile)
    done = adept("weights", "prune", "--env", "staging")

    assert done.exit_code == 0
    assert f"{USELESS} stays, somebody needs it by now: lock of staging" in done.printed
    assert USELESS in _there(deployed)


def test_where_nobody_can_be_asked_nothing_is_removed(adept: Adept, deployed: Deployed) -> None:
    _everything(deployed)
    done = adept("weights", "prune", "--env", "staging")

    assert done.exit_code == 1
    assert "adept weights prune --env staging --yes" in done.printed
    assert USELESS in _there(deployed)
