"""Moving commits, recording files and comparing locks: pure functions on small locks."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.errors import LockError
from endpoints.locks import (
    Listing,
    Lock,
    LockedFile,
    LockedSnapshot,
    PinnedBy,
    Proposal,
    byte_differences,
    differences,
    moved,
    moved_repository,
    proposed,
    read_lock,
    recorded,
    with_digest,
)
from tests.unit.locks.support import (
    ALTERNATIVE,
    CATALOGUE,
    CONFIG,
    PRIMARY,
    SHA,
    WEIGHTS,
    with_candidate,
    with_files,
)

STAGING = CATALOGUE.environment("staging")
SANDBOX = CATALOGUE.environment("sandbox")
MISTRAL, LLAMA = "mistralai/Mistral-7B-Instruct-v0.3", "meta-llama/Llama-3.1-8B-Instruct"
DIGEST = "sha256:" + "c" * 64


def snapshot(lock: Lock, repository: str) -> LockedSnapshot:
    return next(one for one in lock.snapshots if one.repository == repository)


def listing(*files: LockedFile, **changes: Any) -> Listing:
    said = {"repository": MISTRAL, "revision": SHA, "licence": "apache-2.0", "gated": False}
    return Listing(files=files, **{**said, **changes})


class TestMoving:
    def test_a_commit_without_its_files_is_the_only_thing_that_a_move_leaves(self) -> None:
        lock = moved(with_files(read_lock("staging"), MISTRAL), CATALOGUE, STAGING, MISTRAL, SHA)

        assert (snapshot(lock, MISTRAL).revision, snapshot(lock, MISTRAL).files) == (SHA, None)
        assert snapshot(lock, MISTRAL).licence == "Apache-2.0"
        assert {one.revision for one in lock.candidates if one.weights == MISTRAL} == {SHA}

    def test_in_a_sandbox_that_loads_from_the_hub_a_model_may_do_without_a_commit(self) -> None:
        free = SANDBOX.model_copy(update={"load_from_hub": True})

        lock = moved(read_lock("sandbox"), CATALOGUE, free, LLAMA, None)

        assert snapshot(lock, LLAMA).revision is None
        assert {one.pinned_by for one in lock.candidates if one.weights == LLAMA} == {PinnedBy.LOCK}

    def test_a_model_that_runs_from_two_repositories_is_not_moved_as_one(self) -> None:
        lock = with_candidate(read_lock("staging"), "job-parsing", PRIMARY, weights=MISTRAL, revision=SHA)

        with pytest.raises(LockError) as caught:
            moved_repository(lock, LLAMA)

        assert "from 2 repositories" in caught.value.message
        assert f"{LLAMA}, {MISTRAL}" in str(caught.value.remedy)

    def test_a_digest_belongs_to_its_tag(self) -> None:
        lock = read_lock("staging")
        image = lock.candidates[0].image

        assert {
            one.image.digest for one in with_digest(lock, image.repository, image.tag, DIGEST).candidates
        } == {DIGEST}
        assert with_digest(lock, image.repository, "another", DIGEST) == lock


class TestProposing:
    def test_what_was_recorded_and_moved_stays_when_the_catalogue_stays(self) -> None:
        before = moved(with_files(read_lock("staging"), LLAMA), CATALOGUE, STAGING, MISTRAL, SHA)

        assert proposed(CATALOGUE, STAGING, before) == before

    def test_a_new_pin_moves_what_the_catalogue_pins_and_its_files_are_to_be_recorded_again(self) -> None:
        use_case = CATALOGUE.use_case("market-intelligence")
        candidates = tuple(
            one.model_copy(update={"revision": SHA}) if one.role is ALTERNATIVE else one
            for one in use_case.candidates
        )
        others = [use_case.model_copy(update={"candidates": candidates})]
        catalogue = CATALOGUE.with_use_cases(
            [*(one for one in CATALOGUE.use_cases if one.id != use_case.id), *others]
        )
        before = with_files(read_lock("staging"), "Qwen/Qwen2.5-7B-Instruct")

        after = proposed(catalogue, STAGING, before)

        qwen = snapshot(after, "Qwen/Qwen2.5-7B-Instruct")
        assert (qwen.revision, qwen.files) == (SHA, None)
        assert len(after.snapshots) == len(before.snapshots)

    def test_a_moved_commit_that_the_catalogue_pins_by_now_is_the_catalogues_again(self) -> None:
        pin = CATALOGUE.use_case("query-enhancement").candidate(ALTERNATIVE).revision
        before = with_candidate(
            read_lock("staging"), "query-enhancement", ALTERNATIVE, revision=pin, pinned_by=PinnedBy.LOCK
        )

        assert proposed(CATALOGUE, STAGING, before) == read_lock("staging")

    def test_another_image_loses_the_digest_and_the_same_one_keeps_it(self) -> None:
        image = read_lock("staging").candidates[0].image
        before = with_digest(read_lock("staging"), image.repository, image.tag, DIGEST)
        newer = tuple(one.model_copy(update={"tag": "newer"}) for one in CATALOGUE.containers)

        kept = proposed(CATALOGUE, STAGING, before)
        lost = proposed(CATALOGUE.model_copy(update={"containers": newer}), STAGING, before)

        assert {one.image.digest for one in kept.candidates} == {DIGEST}
        assert {(one.image.tag, one.image.digest) for one in lost.candidates} == {("newer", None)}

    def test_narrowed_to_a_model_it_leaves_stale_candidates_as_they_are(self) -> None:
        stale = with_candidate(read_lock("staging"), "job-parsing", PRIMARY, host_ami="old")
        stale = with_candidate(stale, "query-enhancement", ALTERNATIVE, host_ami="old")

        after = Proposal(
            catalogue=CATALOGUE, environment=STAGING, previous=stale, models=frozenset({MISTRAL})
        ).lock()

        assert {one.place for one in after.candidates if one.host_ami == "old"} == {("job-parsing", PRIMARY)}


class TestRecording:
    def test_a_snapshot_without_weights_in_safetensors_cannot_be_locked(self) -> None:
        with pytest.raises(LockError, match=r"it has no \*\.safetensors"):
            recorded(snapshot(read_lock("staging"), MISTRAL), listing(CONFIG), None)

    def test_a_licence_that_was_changed_is_recorded_in_the_hubs_words(self) -> None:
        before = snapshot(read_lock("staging"), MISTRAL)

        after = recorded(
            before, listing(CONFIG, WEIGHTS, licence="other", gated=True), CATALOGUE.model(MISTRAL)
        )

        assert (after.licence, after.gated, after.total_bytes) == ("other", True, 1000)

    def test_files_that_are_needed_since_are_added_to_those_that_were_recorded(self) -> None:
        before = snapshot(with_files(read_lock("staging"), MISTRAL), MISTRAL)
        template = LockedFile(path="chat_template.jinja", size_bytes=5, git_blob="e" * 40)

        after = recorded(before, listing(CONFIG, WEIGHTS, template), None)

        assert [file.path for file in after.files or ()] == [
            "chat_template.jinja",
            "config.json",
            "model.safetensors",
        ]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"size_bytes": 901}, "model.safetensors has 901 bytes, recorded are 900"),
            ({"sha256": "f" * 64}, f"model.safetensors has sha256 {'f' * 64}, recorded is {'a' * 64}"),
            ({"sha256": None, "git_blob": "f" * 40}, None),
            ({"path": "other.safetensors"}, "model.safetensors is missing"),
        ],
    )
    def test_two_lists_of_one_commit_contradict_each_other_where_both_name_a_fact(
        self, change: dict[str, Any], said: str | None
    ) -> None:
        found = byte_differences([WEIGHTS], [WEIGHTS.model_copy(update=change)])

        assert found == (() if said is None else (said,))


class TestDifferences:
    def test_nothing_differs_from_itself(self) -> None:
        assert differences(read_lock("staging"), read_lock("staging")) == ()

    def test_every_field_of_a_candidate_is_compared(self) -> None:
        before = read_lock("staging")
        candidate = before.by_place["job-parsing", PRIMARY]
        after = with_candidate(
            before,
            "job-parsing",
            PRIMARY,
            host_ami="other",
            image=candidate.image.model_copy(update={"digest": DIGEST}),
            settings=candidate.settings.model_copy(update={"fallback_instance_types": ()}),
        )

        found = {one.field: (one.first, one.second) for one in differences(before, after)}

        assert found == {
            "host ami": (candidate.host_ami, "other"),
            "digest": (None, DIGEST),
            "fallback instance types": ("ml.g5.2xlarge, ml.g5.4xlarge", None),
        }

    def test_a_candidate_that_only_one_has_is_one_row(self) -> None:
        found = differences(read_lock("sandbox"), read_lock("staging"))

        assert {one.field for one in found} == {"candidate"}
        assert [one.first for one in found] == [None] * 5

    def test_other_bytes_of_one_commit_are_named(self) -> None:
        first = with_files(read_lock("staging"), MISTRAL)
        bad = tuple(one.model_copy(update={"size_bytes": one.size_bytes + 1}) for one in (CONFIG, WEIGHTS))
        broken = snapshot(first, MISTRAL).model_copy(update={"files": bad, "total_bytes": 1002})

        found = differences(first, Lock.of("staging", [*first.snapshots, broken], first.candidates))

        assert [one.field for one in found] == ["bytes"]
        assert "config.json has 101 bytes" in str(found[0].second)
