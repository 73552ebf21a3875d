"""Whose document is whose: an attempt removes its own and earlier ones', and nothing of one that may be at work."""

from __future__ import annotations

import pytest

from lambdas.weights.attempt import Attempt
from lambdas.weights.errors import BadRequest
from lambdas.weights.snapshot import Snapshot

SNAPSHOT = Snapshot.of("acme/model", "a" * 40)


def _plans(*names: str) -> dict[str, str]:
    return {Attempt(SNAPSHOT, name).plan_key: name for name in names}


def test_two_attempts_share_no_document() -> None:
    one, two = Attempt(SNAPSHOT, "stage-1"), Attempt(SNAPSHOT, "stage-2")

    def keys(attempt: Attempt) -> set[str]:
        return {attempt.plan_key, attempt.parts_key, attempt.files_key, attempt.failure_key("HubNotFound")}

    assert len(keys(one) | keys(two)) == 8
    assert all(key.startswith(f"_staging/acme/model/{'a' * 40}/attempts/") for key in keys(one) | keys(two))


def test_what_is_removed_is_its_own_and_earlier_ones_and_no_proof() -> None:
    keys = _plans("stage-1", "stage-9", "stage-10", "stage-11", "by-hand")

    removed = Attempt(SNAPSHOT, "stage-10").until_now([*keys, SNAPSHOT.verified_key("config.json")])

    assert [keys[key] for key in removed] == ["stage-1", "stage-9", "stage-10"]


def test_one_that_somebody_started_under_another_name_knows_no_earlier_one() -> None:
    keys = _plans("stage-1", "by-hand", "other")

    assert [keys[key] for key in Attempt(SNAPSHOT, "by-hand").until_now(keys)] == ["by-hand"]


@pytest.mark.parametrize("name", ["", "../1", "a/b", "x" * 81, None])
def test_a_name_that_no_execution_has_is_refused(name: object) -> None:
    with pytest.raises(BadRequest, match="attempt"):
        Attempt.parse({"attempt": name}, {"repository": "acme/model", "revision": "a" * 40})
