"""`adept lock --revision` moves one model of one environment to a full commit, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.catalogue import CandidateRole
from endpoints.locks import PinnedBy, lock_path, read_lock, reading
from tests.support.hub import RunningHub
from tests.unit.commands.conftest import Adept
from tests.unit.commands.lock.conftest import (
    LLAMA,
    MISTRAL,
    NEWER,
    PIN,
    snapshot,
)

pytestmark = pytest.mark.usefixtures("hub")


def move(adept: Adept, revision: str) -> Any:
    return adept("lock", "--env", "staging", "--model", MISTRAL, "--revision", revision)


@pytest.mark.parametrize(
    "revision", ["main", NEWER, NEWER[:9]], ids=["a branch", "a commit", "a short commit"]
)
def test_a_model_moves_to_the_full_commit_and_nothing_else_moves(adept: Adept, revision: str) -> None:
    before = read_lock("staging")

    done = move(adept, revision)

    assert done.exit_code == 0, done.stderr
    after = read_lock("staging")
    moved = [one for one in after.candidates if one.weights == MISTRAL]
    assert {one.use_case for one in moved} == {"query-enhancement", "explanation-generation"}
    assert {(one.revision, one.pinned_by) for one in moved} == {(NEWER, PinnedBy.LOCK)}
    assert "chat_template.jinja" in {file.path for file in snapshot(MISTRAL).files or ()}
    assert [one for one in after.candidates if one.weights != MISTRAL] == [
        one for one in before.candidates if one.weights != MISTRAL
    ]
    assert adept("lock", "--check").exit_code == 0


def test_what_was_moved_stays_until_it_is_moved_back_to_the_pin(adept: Adept) -> None:
    move(adept, "main")

    adept("lock", "--env", "staging")
    assert snapshot(MISTRAL).revision == NEWER
    move(adept, PIN)

    candidate = read_lock("staging").candidate("query-enhancement", CandidateRole.ALTERNATIVE)
    assert candidate is not None
    assert (candidate.revision, candidate.pinned_by) == (PIN, PinnedBy.CATALOGUE)


@pytest.mark.parametrize("revision", ["v9", "0" * 9, "f" * 40])
def test_a_revision_that_is_not_there_is_one_message_and_nothing_moves(adept: Adept, revision: str) -> None:
    before = lock_path("staging").read_bytes()

    done = move(adept, revision)

    assert done.exit_code == 1
    assert f"{MISTRAL} has no revision '{revision}'" in done.stderr
    assert lock_path("staging").read_bytes() == before


def test_a_full_commit_needs_no_hub(hub: RunningHub, adept: Adept) -> None:
    arguments = ("lock", "--env", "staging", "--model", MISTRAL, "--offline", "--revision")

    branch = adept(*arguments, "main")
    commit = adept(*arguments, NEWER)

    assert (branch.exit_code, commit.exit_code) == (1, 0)
    assert "Give all 40 digits of the commit" in branch.stderr
    assert (snapshot(MISTRAL).revision, snapshot(MISTRAL).files) == (NEWER, None)
    assert hub.requests() == []


def test_a_full_commit_that_nobody_could_confirm_is_said_to_be_so_and_refused_once_the_hub_is_asked(
    adept: Adept,
) -> None:
    move = ("lock", "--env", "staging", "--model", MISTRAL)
    believed = adept(*move, "--offline", "--revision", "f" * 40)
    confirm = f"adept lock --env staging --model {MISTRAL}"

    assert believed.exit_code == 0
    assert f"Nobody has confirmed that {MISTRAL} has a commit {'f' * 40}" in believed.printed
    assert confirm in believed.printed

    asked = adept(*confirm.split()[1:])
    assert asked.exit_code == 1
    assert f"{MISTRAL} has no revision '{'f' * 40}'" in asked.printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--revision", "main"], "a move concerns one model of one environment"),
        (["--env", "staging", "--revision", "main"], "a move concerns one model of one environment"),
        (["--env", "staging", "--model", "nobody/nothing"], "no model 'nobody/nothing'"),
        (["--env", "staging", "--model", "Qwen/Qwen3-8B"], "staging runs no Qwen/Qwen3-8B"),
        (["--env", "staging", "--model", MISTRAL, "--unpinned"], "staging cannot do without a commit"),
        (["--env", "sandbox", "--model", LLAMA, "--unpinned"], "sandbox cannot do without a commit"),
        (["--env", "local", "--model", MISTRAL, "--revision", PIN], "nothing of local can be moved so"),
        (["--unpinned", "--revision", "main"], "contradict each other"),
        (["--env", "nowhere"], "no environment 'nowhere'"),
    ],
)
def test_a_wish_that_makes_no_sense_is_one_message(adept: Adept, arguments: list[str], said: str) -> None:
    before = {path.name: path.read_bytes() for path in reading.LOCKS_FOLDER.iterdir()}

    done = adept("lock", *arguments)

    assert done.exit_code == 1
    assert said in done.stderr
    assert {path.name: path.read_bytes() for path in reading.LOCKS_FOLDER.iterdir()} == before
