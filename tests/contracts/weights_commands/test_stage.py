"""`adept stage`: through the account's own stager, what it says, how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from endpoints.adapters import hub_staging
from endpoints.adapters.hub_staging import stage_from_hub
from endpoints.adapters.stager import Stager
from endpoints.catalogue import load_catalogue
from endpoints.local.hub import HubFault, Origin
from endpoints.locks import LockedSnapshot
from endpoints.weights.executions import execution_id
from tests.contracts.weights_commands.conftest import FILES, Adept, Deployed, id_of, locked

Publish = Callable[..., LockedSnapshot]
SHA = "d" * 40


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_staging, "POLL_S", 0.05)


@dataclass
class Totals:
    """A reporter that keeps what it is told of a snapshot's size."""

    totals: set[int | None] = field(default_factory=set)

    def set(self, _name: str, _size_bytes: int, *, total: int | None, note: str = "") -> None:
        self.totals.add(total)
        assert (total is None) == (note == "asking the Hub")

    def add(self, name: str, size_bytes: int) -> None:
        raise AssertionError(f"{size_bytes} bytes of {name} came through this process")


class TestFromTheHub:
    def test_every_snapshot_of_the_lock_is_staged_and_a_second_time_there_is_nothing_to_do(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        with_files, by_commit = publish(), publish(listed=False)
        deployed.lock(with_files, by_commit)

        first = adept("stage", "--env", "staging")
        asked = len(deployed.world.hub.requests())
        second = adept("stage", "--env", "staging")

        assert (first.exit_code, second.exit_code) == (0, 0)
        assert deployed.stored(with_files) == deployed.stored(by_commit) == FILES
        assert second.printed.count("staged already") == 2
        assert len(deployed.world.hub.requests()) == asked

    def test_as_json(self, adept: Adept, deployed: Deployed, publish: Publish) -> None:
        one = publish()
        deployed.lock(one)
        (told,) = adept("stage", "--env", "staging", "--json").document["snapshots"]

        assert (told["repository"], told["revision"]) == (one.repository, one.revision)
        assert (told["status"], told["staged"], told["message"]) == ("staged", True, None)
        assert (told["size_bytes"], told["files"]) == (sum(map(len, FILES.values())), len(FILES))

    def test_what_fails_is_told_in_the_workers_words_and_the_others_are_staged(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        there, nowhere = publish(), locked("acme/nowhere", SHA)
        deployed.lock(nowhere, there)
        done = adept("stage", "--env", "staging")

        assert done.exit_code == 1
        assert f"acme/nowhere@{SHA}: HubNotFound: " in done.printed
        assert "adept lock --env staging" in done.printed
        assert deployed.stored(there) == FILES
        assert "Traceback" not in done.stderr

    def test_a_failed_one_is_tried_again(self, adept: Adept, deployed: Deployed, publish: Publish) -> None:
        one = publish()
        wrong = dict(FILES) | {"tokenizer.json": b"x" * len(FILES["tokenizer.json"])}
        deployed.lock(locked(one.repository, str(one.revision), wrong))
        assert adept("stage", "--env", "staging").exit_code == 1

        deployed.lock(one)
        assert adept("stage", "--env", "staging").exit_code == 0
        assert deployed.stored(one) == FILES

    def test_ctrl_c_leaves_it_running_and_whoever_comes_next_joins_it(
        self, adept: Adept, deployed: Deployed, publish: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given a stage that somebody stops to watch
        one = publish()
        deployed.lock(one)
        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", _interrupted)
            left = adept("stage", "--env", "staging", "--model", one.repository)

        # when
        done = adept("stage", "--env", "staging")

        # then one execution has done it
        assert left.exit_code == 130
        again = f"adept stage --env staging --model {one.repository}"
        assert f"goes on in the account. Watch it again: {again}" in left.printed
        assert done.exit_code == 0
        assert deployed.stored(one) == FILES
        runs = deployed.world.client("stepfunctions").list_executions(
            stateMachineArn=deployed.world.arns["stager"]
        )["executions"]
        assert [run["name"] for run in runs if run["name"].startswith(execution_id(id_of(one)))] == [
            f"{execution_id(id_of(one))}-1"
        ]

    def test_after_a_joined_run_that_was_started_for_fewer_files_the_next_one_copies_the_rest(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        # given a run that is to copy one file, and a Hub that takes its time
        one = publish()
        deployed.lock(one)
        deployed.world.hub.fail(HubFault(path="/api/*", delay_s=1.0))
        stager = Stager(deployed.store.account, deployed.world.arns["stager"])
        first = one.model_dump(mode="json", exclude_none=True)["files"][:1]
        request = {"repository": one.repository, "revision": one.revision, "files": first, "select": None}
        stager.start_or_join(id_of(one), request, has_manifest=lambda: False)

        # when
        done = adept("stage", "--env", "staging")

        # then
        assert done.exit_code == 0
        assert deployed.stored(one) == FILES
        assert [file.path for file in deployed.manifest(one).files] == sorted(FILES)

    def test_what_no_lock_lists_is_as_large_as_the_running_attempt_has_planned(
        self, deployed: Deployed, publish: Publish
    ) -> None:
        # given a Hub that takes its time for the weights
        one = publish(listed=False)
        deployed.world.hub.fail(HubFault(path="*00001*", origin=Origin.CDN, delay_s=1.0))
        seen = Totals()

        # when
        stager = Stager(deployed.store.account, deployed.world.arns["stager"])
        (outcome,) = stage_from_hub(
            deployed.store, stager, (one,), seen, environment=load_catalogue().environment("staging")
        )

        # then whoever watched knew how much is to come
        assert outcome.is_staged
        assert seen.totals - {None} == {sum(map(len, FILES.values()))}

    def test_one_model_alone(self, adept: Adept, deployed: Deployed, publish: Publish) -> None:
        one, other = publish(), publish()
        deployed.lock(one, other)

        assert adept("stage", "--env", "staging", "--model", one.repository).exit_code == 0
        assert deployed.stored(other) == {}

        unknown = adept("stage", "--env", "staging", "--model", "acme/unknown")
        assert unknown.exit_code == 1
        assert "staging runs no acme/unknown" in unknown.printed

    def test_staged_bytes_that_are_not_the_locked_ones_are_never_called_staged(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        one = publish()
        deployed.lock(one)
        adept("stage", "--env", "staging")
        other = dict(FILES) | {"config.json": b"{}"}
        deployed.lock(locked(one.repository, str(one.revision), other))
        done = adept("stage", "--env", "staging")

        assert done.exit_code == 1
        assert "what is staged is not what is locked: config.json" in done.printed

    def test_a_file_that_is_gone_is_copied_again_although_there_is_a_manifest(
        self, adept: Adept, deployed: Deployed, publish: Publish
    ) -> None:
        one = publish()
        deployed.lock(one)
        adept("stage", "--env", "staging")
        deployed.store.delete_keys([f"{id_of(one).prefix}config.json"])
        done = adept("stage", "--env", "staging")

        assert done.exit_code == 0
        assert "config.json is gone or was replaced: staging it anew" in done.printed
        assert deployed.stored(one) == FILES


def _interrupted(_seconds: float) -> None:
    raise KeyboardInterrupt
