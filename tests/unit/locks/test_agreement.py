"""What a lock and the catalogue may disagree about, and what is built when they agree."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.catalogue import Catalogue, Environment
from endpoints.local.stand_ins import tiny_stand_ins
from endpoints.locks import (
    DisagreementError,
    Lock,
    PinnedBy,
    disagreements,
    locked,
    proposed,
    read_lock,
    snapshot_of,
)
from tests.unit.locks.support import ALTERNATIVE, CATALOGUE, ENVIRONMENTS, PRIMARY, SHA, with_candidate

STAGING = CATALOGUE.environment("staging")
JOBS = "job-parsing"
DIGEST = "sha256:" + "c" * 64


def fields(
    lock: Lock, environment: Environment = STAGING, catalogue: Catalogue = CATALOGUE
) -> dict[str, str]:
    """What disagrees: field and place."""
    return {one.field: one.candidate for one in disagreements(catalogue, environment, lock)}


def sandbox(**update: Any) -> Environment:
    return CATALOGUE.environment("sandbox").model_copy(update=update)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_committed_lock_agrees_with_the_catalogue(environment: str) -> None:
    assert disagreements(CATALOGUE, CATALOGUE.environment(environment), read_lock(environment)) == ()


def test_the_committed_lock_of_local_names_the_models_that_this_code_builds() -> None:
    local = CATALOGUE.environment("local")

    assert disagreements(CATALOGUE, local, read_lock("local"), stand_ins=tiny_stand_ins()) == ()


def test_every_committed_lock_is_what_the_catalogue_proposes_besides_what_was_recorded() -> None:
    for name in ENVIRONMENTS:
        committed = read_lock(name)
        assert (
            proposed(CATALOGUE, CATALOGUE.environment(name), committed, stand_ins=_stand_ins(name))
            == committed
        )


def _stand_ins(environment: str) -> Any:
    return tiny_stand_ins() if CATALOGUE.environment(environment).embedded else {}


@pytest.mark.parametrize(
    ("update", "field"),
    [
        ({"model": "Qwen/Qwen2.5-7B-Instruct"}, "model"),
        ({"weights": "Qwen/Qwen2.5-7B-Instruct"}, "weights"),
        ({"revision": SHA}, "revision"),
        ({"host_ami": "al2023-ami-sagemaker-inference-gpu-4-1"}, "host AMI"),
    ],
)
def test_a_value_that_is_not_the_catalogues_is_named_with_its_place(
    update: dict[str, Any], field: str
) -> None:
    lock = with_candidate(read_lock("staging"), JOBS, PRIMARY, **update)

    assert fields(lock) == {field: "job-parsing (primary)"}


def test_settings_are_compared_one_by_one() -> None:
    before = read_lock("staging")
    meant = before.by_place[JOBS, PRIMARY].settings
    settings = meant.model_copy(update={"max_total_tokens": 2048, "instance_type": "ml.g5.2xlarge"})

    lock = with_candidate(before, JOBS, PRIMARY, settings=settings)

    assert set(fields(lock)) == {"max total tokens", "instance type"}


def test_another_image_tag_disagrees_and_a_digest_does_not() -> None:
    before = read_lock("staging")
    image = before.by_place[JOBS, PRIMARY].image
    pinned = [
        one.model_copy(update={"image": image.model_copy(update={"digest": DIGEST})})
        for one in before.candidates
    ]

    retagged = with_candidate(before, JOBS, PRIMARY, image=image.model_copy(update={"tag": "latest"}))

    assert set(fields(retagged)) == {"image"}
    assert fields(Lock.of("staging", before.snapshots, pinned)) == {}


def test_one_tag_cannot_mean_two_images_in_one_environment() -> None:
    before = read_lock("staging")
    image = before.by_place[JOBS, PRIMARY].image.model_copy(update={"digest": DIGEST})

    found = fields(with_candidate(before, JOBS, PRIMARY, image=image))

    assert found == {"digest": f"{image.repository}:{image.tag}"}


def test_a_candidate_that_is_missing_or_too_many_is_named() -> None:
    without = [one for one in read_lock("staging").candidates if one.place != (JOBS, ALTERNATIVE)]
    lock = Lock.of("staging", read_lock("staging").snapshots, without)
    fewer = CATALOGUE.with_use_cases(one for one in CATALOGUE.use_cases if one.id != "market-intelligence")

    assert fields(lock) == {"candidate": "job-parsing (alternative)"}
    gone = disagreements(fewer, STAGING, read_lock("staging"))
    assert [one.candidate for one in gone] == [
        "market-intelligence (primary)",
        "market-intelligence (alternative)",
    ]
    assert {one.meant for one in gone} == {"nothing"}


def test_a_commit_moved_by_the_lock_may_differ_from_the_catalogues_pin() -> None:
    lock = with_candidate(read_lock("staging"), JOBS, PRIMARY, revision=SHA, pinned_by=PinnedBy.LOCK)

    assert fields(lock) == {}


def test_a_borrowed_candidate_cannot_run_another_commit_than_its_lender() -> None:
    lock = with_candidate(
        read_lock("staging"), "explanation-generation", ALTERNATIVE, revision=SHA, pinned_by=PinnedBy.LOCK
    )

    assert fields(lock) == {"commit, borrowed from query-enhancement": "explanation-generation (alternative)"}


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        (STAGING, "only a sandbox may do without"),
        (sandbox(), "load_from_hub"),
    ],
    ids=["staging", "a sandbox whose weights are staged"],
)
def test_a_candidate_without_a_commit_is_refused(environment: Environment, allowed: str) -> None:
    lock = with_candidate(read_lock(environment.name), JOBS, PRIMARY, revision=None, pinned_by=PinnedBy.LOCK)

    found = disagreements(CATALOGUE, environment, lock)

    assert [one.field for one in found] == ["revision"]
    assert allowed in found[0].meant


def test_a_sandbox_that_loads_from_the_hub_may_do_without_a_commit() -> None:
    lock = with_candidate(read_lock("sandbox"), JOBS, PRIMARY, revision=None, pinned_by=PinnedBy.LOCK)

    assert "revision" not in fields(lock, sandbox(load_from_hub=True))


@pytest.mark.parametrize(("gated", "refused"), [(False, False), (True, True), (None, True)])
def test_only_a_model_that_is_known_to_be_open_is_loaded_from_the_hub(
    gated: bool | None, refused: bool
) -> None:
    weights = "hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4"
    before = read_lock("sandbox")
    snapshots = [
        one.model_copy(update={"gated": gated}) if one.repository == weights else one
        for one in before.snapshots
    ]
    lock = Lock.of("sandbox", snapshots, before.candidates)

    found = disagreements(CATALOGUE, sandbox(load_from_hub=True), lock)

    assert any(one.locked.startswith(weights) for one in found) is refused


def test_the_error_lists_everything_and_names_the_command() -> None:
    lock = with_candidate(read_lock("staging"), JOBS, PRIMARY, revision=SHA, host_ami="none")

    with pytest.raises(DisagreementError) as caught:
        locked(CATALOGUE, STAGING, lock)

    assert "2 disagreements between the lock of staging and the catalogue" in caught.value.message
    assert f"job-parsing (primary): revision: the lock says {SHA}" in caught.value.message
    assert caught.value.remedy is not None
    assert "adept lock --env staging" in caught.value.remedy


def test_what_is_built_has_the_locks_commit_and_digest() -> None:
    before = read_lock("staging")
    image = before.by_place[JOBS, PRIMARY].image.model_copy(update={"digest": DIGEST})
    pinned = Lock.of(
        "staging", before.snapshots, [one.model_copy(update={"image": image}) for one in before.candidates]
    )
    moved = with_candidate(pinned, JOBS, PRIMARY, revision=SHA, pinned_by=PinnedBy.LOCK)

    built = locked(CATALOGUE, STAGING, moved)

    candidate = built.use_case(JOBS).candidate(PRIMARY)
    assert candidate.revision == SHA
    assert built.container(candidate.engine).image_uri("us-east-1").endswith(f"/{image.repository}@{DIGEST}")
    assert snapshot_of(moved, built.use_case(JOBS), candidate).key == f"{candidate.weights_id}/{SHA}"
    assert CATALOGUE.use_case(JOBS).candidate(PRIMARY).revision != SHA


def test_a_stand_in_leaves_the_candidate_what_it_is_and_changes_its_bytes_only() -> None:
    lock = read_lock("local")

    built = locked(CATALOGUE, CATALOGUE.environment("local"), lock)

    use_case = built.use_case(JOBS)
    assert built.use_cases == CATALOGUE.use_cases
    assert snapshot_of(lock, use_case, use_case.candidate(PRIMARY)).repository == "adept/tiny-1"
