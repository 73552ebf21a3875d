"""`adept lock --check` and `adept lock diff`: offline, as tables and as JSON."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from endpoints.locks import lock_path
from tests.support.hub import RunningHub
from tests.unit.commands.conftest import Adept
from tests.unit.commands.lock.conftest import (
    MISTRAL,
    NEWER,
    PIN,
    snapshot,
)

pytestmark = pytest.mark.usefixtures("hub")


def test_everything_agrees_as_committed(hub: RunningHub, adept: Adept) -> None:
    done = adept("lock", "--check")

    assert done.exit_code == 0
    assert done.stdout.strip() == "local, sandbox, staging, production: locks and catalogue agree."
    assert hub.requests() == []


def test_a_commit_that_no_hub_was_asked_for_is_not_called_confirmed(hub: RunningHub, adept: Adept) -> None:
    before = adept("lock", "--check")
    adept("lock", "--env", "staging")
    hub.server.requests.clear()
    after = adept("lock", "--check", "--env", "staging")

    assert "staging: no files are listed of 6 snapshots, so nobody has confirmed that the commits exist" in (
        before.printed
    )
    assert "adept lock --env staging" in before.printed
    assert "local: no files" not in before.printed  # its models are made here
    assert (after.exit_code, after.stderr) == (0, "")
    assert hub.requests() == []


def test_a_lock_that_was_left_behind_is_a_table_and_exit_code_1(adept: Adept) -> None:
    path = lock_path("production")
    path.write_text(path.read_text().replace("max_total_tokens: 6144", "max_total_tokens: 8192"))

    done = adept("lock", "--check")
    as_json = adept("lock", "--check", "--json")

    assert (done.exit_code, as_json.exit_code) == (1, 1)
    assert "production: 2 disagreements" in done.stdout
    assert "adept lock --env production" in done.stdout
    assert [row["field"] for row in as_json.document["production"]] == ["max total tokens"] * 2
    assert as_json.document["staging"] == []


def test_a_file_that_was_edited_by_hand_is_told_even_where_it_means_the_same(adept: Adept) -> None:
    path = lock_path("staging")
    path.write_text(path.read_text() + "# a remark\n")

    done = adept("lock", "--check", "--env", "staging")

    assert (done.exit_code, "what adept lock writes" in done.stdout) == (1, True)


def test_an_old_recipe_of_the_models_that_stand_in_is_told(adept: Adept) -> None:
    path = lock_path("local")
    revision = snapshot("adept/tiny-1", "local").revision
    path.write_text(path.read_text().replace(str(revision), "a" * 40))

    done = adept("lock", "--check", "--env", "local")

    assert done.exit_code == 1
    assert "stand-in's revision" in done.stdout


def test_environments_that_lock_the_same(adept: Adept) -> None:
    assert adept("lock", "diff", "staging", "production").stdout == "staging and production lock the same.\n"


def test_what_was_moved_in_staging_is_what_differs_from_production(adept: Adept) -> None:
    adept("lock")
    adept("lock", "--env", "staging", "--model", MISTRAL, "--revision", "main")

    done = adept("lock", "diff", "production", "staging", "--json")

    rows = {(row["where"], row["field"]): (row["first"], row["second"]) for row in done.document}
    places = ["explanation-generation (alternative)", "query-enhancement (alternative)"]
    assert rows == {
        **{(place, "revision"): (PIN, NEWER) for place in places},
        **{(place, "pinned by"): ("catalogue", "lock") for place in places},
    }


def test_a_file_stands_for_a_lock(adept: Adept, tmp_path: Path) -> None:
    before = tmp_path / "before.yaml"
    shutil.copy(lock_path("staging"), before)
    adept("lock", "--env", "staging", "--model", MISTRAL)

    done = adept("lock", "diff", str(before), "staging")

    assert "1 difference" in done.stdout
    assert "not recorded" in done.stdout
    assert "5 files, 0.00 MB" in done.stdout


@pytest.mark.parametrize("name", ["nowhere", "nowhere.yaml"])
def test_a_name_that_is_no_lock_is_one_message(adept: Adept, name: str) -> None:
    done = adept("lock", "diff", name, "staging")

    assert done.exit_code == 1
    assert name in done.stderr
