"""Of everything that failed in a stage, the one thing that a person is told, and whether it is planned anew."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.weights.attempt import Attempt
from lambdas.weights.cleaning import MOST_PLANS, clean

REQUEST = {"repository": "acme/model", "revision": "a" * 40}
MAP_FAILED = {
    "Error": "States.ExceedToleratedFailureThreshold",
    "Cause": "The specified threshold was exceeded",
}


class Store:
    """A bucket in which this attempt's steps have recorded these failures. It has nothing else to ask it for: whoever
    cleans up removes nothing.
    """

    def __init__(self, failures: dict[str, str]) -> None:
        self._failures = failures

    def failures(self, attempt: Attempt) -> dict[str, str]:
        return self._failures if attempt.name == "stage-2" else {"HubNotFound": "of another attempt"}


def _clean(failure: dict[str, str], *, plans: int = 0, **recorded: str) -> dict[str, object]:
    store: Any = Store(recorded)
    before = {"report": {"plans": plans}} if plans else {}
    return clean({"attempt": "stage-2", "state": {**REQUEST, **before, "failure": failure}}, store)


def test_of_a_failed_map_what_its_steps_recorded_is_told() -> None:
    report = _clean(MAP_FAILED, HubUnavailable="The Hub answered 503")

    assert report["error"] == "HubUnavailable"
    assert str(report["message"]).startswith("The Hub answered 503. What else was copied is kept")
    assert report["again"] is False


def test_what_a_person_must_mend_comes_before_what_passes_by_itself() -> None:
    report = _clean(
        MAP_FAILED, HubUnavailable="503", HubAccessDenied="accept the licence", HubTruncated="cut"
    )

    assert report["error"] == "HubAccessDenied"


def test_what_a_person_must_mend_comes_before_what_was_taken_away_and_is_not_planned_anew() -> None:
    report = _clean(MAP_FAILED, StagingLost="an upload is gone", HubTokenRefused="store another one.")

    assert (report["error"], report["again"]) == ("HubTokenRefused", False)
    assert "store another one. What else" in str(report["message"])


@pytest.mark.parametrize(
    ("failed_before", "again"), [(0, True), (MOST_PLANS - 2, True), (MOST_PLANS - 1, False)]
)
def test_what_somebody_took_away_is_planned_anew_and_not_for_ever(failed_before: int, again: bool) -> None:
    report = _clean(MAP_FAILED, plans=failed_before, StagingLost="an upload is gone")

    assert report["error"] == "StagingLost"
    assert (report["plans"], report["again"]) == (failed_before + 1, again)


def test_a_failed_function_is_told_in_its_own_words() -> None:
    cause = json.dumps(
        {"errorType": "HubTokenRefused", "errorMessage": "store another one", "stackTrace": []}
    )

    report = _clean({"Error": "HubTokenRefused", "Cause": cause})

    assert report["error"] == "HubTokenRefused"
    assert str(report["message"]).startswith("store another one. What else was copied is kept")


def test_a_failure_of_the_services_stays_what_it_is() -> None:
    report = _clean(
        {"Error": "Sandbox.Timedout", "Cause": "Task timed out after 900 seconds"}, HubTruncated="old"
    )

    assert report["error"] == "Sandbox.Timedout"
    assert "900 seconds" in str(report["message"])


def test_a_failed_map_that_left_no_reason_points_to_the_log() -> None:
    assert "The worker's log says" in str(_clean(MAP_FAILED)["message"])


def test_a_request_that_names_no_snapshot_is_reported() -> None:
    store: Any = Store({})
    state = {**REQUEST, "repository": "../x", "failure": MAP_FAILED}

    report = clean({"attempt": "stage-1", "state": state}, store)

    assert (report["error"], report["again"]) == ("BadRequest", False)
    assert "is no repository of the Hub" in str(report["message"])
