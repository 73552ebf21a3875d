"""Of everything that failed in a stage, the one thing that a person is told, and what becomes of the bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.weights.cleaning import clean

REQUEST = {"repository": "acme/model", "revision": "a" * 40}
MAP_FAILED = {
    "Error": "States.ExceedToleratedFailureThreshold",
    "Cause": "The specified threshold was exceeded",
}


class Store:
    """A bucket in which steps have recorded these failures; `discarded` when it was asked for what to remove."""

    def __init__(self, failures: dict[str, str]) -> None:
        self._failures = failures
        self.discarded = False

    def failures(self, _snapshot: object) -> dict[str, str]:
        return self._failures

    def __getattr__(self, _name: str) -> Any:
        self.discarded = True
        raise Discarding


class Discarding(Exception):
    """Raised in place of deleting."""


def _clean(failure: dict[str, str], **recorded: str) -> dict[str, object]:
    store: Any = Store(recorded)
    return clean(REQUEST, failure, store)


def test_of_a_failed_map_what_its_steps_recorded_is_told() -> None:
    report = _clean(MAP_FAILED, HubUnavailable="The Hub answered 503")

    assert report["error"] == "HubUnavailable"
    assert str(report["message"]).startswith("The Hub answered 503 What was copied is kept")
    assert report["resumable"] is True


def test_what_a_person_must_mend_comes_before_what_passes_by_itself() -> None:
    report = _clean(
        MAP_FAILED, HubUnavailable="503", HubAccessDenied="accept the licence", HubTruncated="cut"
    )

    assert report["error"] == "HubAccessDenied"


def test_bytes_that_are_worth_nothing_come_before_everything_and_are_removed() -> None:
    with pytest.raises(Discarding):
        _clean(MAP_FAILED, HubAccessDenied="accept the licence", DigestMismatch="other bytes")


def test_a_failed_function_is_told_in_its_own_words() -> None:
    cause = json.dumps(
        {"errorType": "HubTokenRefused", "errorMessage": "store another one", "stackTrace": []}
    )

    report = _clean({"Error": "HubTokenRefused", "Cause": cause})

    assert (report["error"], report["resumable"]) == ("HubTokenRefused", True)
    assert str(report["message"]).startswith("store another one")


def test_a_failure_of_the_services_stays_what_it_is() -> None:
    report = _clean(
        {"Error": "Sandbox.Timedout", "Cause": "Task timed out after 900 seconds"}, HubTruncated="old"
    )

    assert report["error"] == "Sandbox.Timedout"
    assert "900 seconds" in str(report["message"])


def test_a_failed_map_that_left_no_reason_points_to_the_log() -> None:
    assert "The worker's log says" in str(_clean(MAP_FAILED)["message"])


def test_a_request_that_names_no_snapshot_is_reported_and_nothing_is_touched() -> None:
    store: Any = Store({})

    report = clean({"repository": "../x"}, MAP_FAILED, store)

    assert (report["error"], report["resumable"]) == ("BadRequest", False)
    assert not store.discarded
