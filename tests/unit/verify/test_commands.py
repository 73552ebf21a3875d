"""What `adept deploy` and `adept verify` refuse before anything is asked of an account."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from endpoints.adapters.cdk_cli import what_failed
from endpoints.adapters.live_stacks import first_failure
from endpoints.commands.every_command import app
from endpoints.errors import AdeptError, CatalogueError, DeployError


def _refused(*arguments: str) -> AdeptError:
    error = CliRunner().invoke(app, list(arguments)).exception
    assert isinstance(error, AdeptError), error
    return error


def test_where_nobody_can_be_asked_yes_has_to_be_said() -> None:
    error = _refused("deploy", "--env", "staging")

    assert isinstance(error, DeployError)
    assert "adept deploy --env staging --yes" in (error.remedy or "")


def test_preflight_is_not_skipped_without_a_reason() -> None:
    assert "no reason" in _refused("deploy", "--env", "staging", "--yes", "--skip-preflight", " ").message


@pytest.mark.parametrize(
    "arguments",
    [
        ("deploy", "--env", "prod", "--yes"),
        ("deploy", "--env", "staging", "--yes", "--use-case", "parsing"),
        ("verify", "--env", "prod"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(arguments: tuple[str, ...]) -> None:
    assert isinstance(_refused(*arguments), CatalogueError)


def test_of_the_clis_output_failures_are_told_once_and_without_a_rollbacks_progress() -> None:
    failure = "a | 8:00:00 PM | CREATE_FAILED | AWS::SageMaker::Endpoint | no capacity\n"
    progress = "a |  3/27 | 8:00:01 PM | DELETE_COMPLETE | AWS::IAM::Role | Role\n"

    assert what_failed([progress, failure, progress, "\n", failure]) == failure.strip()


def test_the_first_failure_of_the_last_operation_is_the_cause() -> None:
    def event(logical_id: str, status: str, reason: str = "") -> dict[str, str]:
        return {
            "LogicalResourceId": logical_id,
            "StackName": "s",
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
        }

    newest_first = [
        event("s", "UPDATE_ROLLBACK_COMPLETE"),
        event("Other", "UPDATE_FAILED", "Resource update cancelled"),
        event("Endpoint", "UPDATE_FAILED", "no capacity"),
        event("s", "UPDATE_IN_PROGRESS", "User Initiated"),
        event("Endpoint", "UPDATE_FAILED", "of last week"),
    ]

    assert first_failure(newest_first) == "Endpoint: no capacity"
    assert first_failure(newest_first[3:4]) is None
