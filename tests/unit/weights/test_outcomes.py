"""What is said of a snapshot that was to be staged."""

from __future__ import annotations

import pytest

from endpoints.catalogue import load_catalogue
from endpoints.weights.layout import SnapshotId
from endpoints.weights.outcomes import Outcome, Status, all_staged, remedy_of

SNAPSHOT = SnapshotId("some/model", "0e9e39f249a16976918f6564b8830bc894c89659")


@pytest.mark.parametrize(
    ("status", "staged"),
    [(Status.ALREADY, True), (Status.STAGED, True), (Status.FAILED, False), (Status.NOT_THERE, False)],
)
def test_only_a_complete_snapshot_counts_as_staged(status: Status, staged: bool) -> None:
    outcome = Outcome(snapshot=SNAPSHOT, status=status)

    assert all_staged([outcome]) is staged
    assert outcome.as_json()["staged"] is staged


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("HubTokenRefused", "adept token set --env staging"),
        ("HubAccessDenied", "adept token check --env staging"),
        ("HubFileChanged", "adept lock --env staging"),
        ("HubRateLimited", "Wait"),
        ("HubUnavailable", "goes on where it stopped"),
        ("States.Timeout", "goes on where it stopped"),
    ],
)
def test_every_failure_of_the_stager_has_something_to_do(error: str, remedy: str) -> None:
    assert remedy in remedy_of(error, load_catalogue().environment("staging"))


def test_where_the_hub_knows_no_tokens_another_one_is_no_remedy() -> None:
    remedy = remedy_of("HubTokenRefused", load_catalogue().environment("local"))

    assert "adept token remove --env local" in remedy
    assert "adept token set" not in remedy
