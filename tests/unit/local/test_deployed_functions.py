"""What a function's variables say to the web adapter."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.local.web_functions import DeployedFunction


def _function(**changes: Any) -> DeployedFunction:
    values: dict[str, Any] = {
        "arn": "arn:aws:lambda:us-east-1:1:function:f",
        "name": "f",
        "handler": "run.sh",
        "variables": {},
        "environment": {"A": "1"},
        "code": b"zip",
        "code_sha256": "sha",
        "timeout_s": 3,
        "memory_mib": 128,
        "log": print,
    }
    return DeployedFunction(**values | changes)


@pytest.mark.parametrize(
    ("ranges", "healthy", "unhealthy"),
    [
        (None, (100, 200, 404, 499), (500, 503)),
        ("200", (200,), (199, 201)),
        ("200-299, 404", (200, 299, 404), (300, 403)),
        ("200-599", (200, 503), (600,)),
        ("many,200-x,-5", (), (200, 5)),
    ],
)
def test_which_answers_mean_that_a_program_is_ready(
    ranges: str | None, healthy: tuple[int, ...], unhealthy: tuple[int, ...]
) -> None:
    variables = {} if ranges is None else {"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS": ranges}
    function = _function(variables=variables)

    assert all(function.is_healthy(status) for status in healthy)
    assert not any(function.is_healthy(status) for status in unhealthy)


@pytest.mark.parametrize(
    "change", [{"code_sha256": "other"}, {"handler": "serve"}, {"environment": {"A": "2"}}]
)
def test_other_code_or_another_configuration_is_another_release(change: dict[str, Any]) -> None:
    assert _function(**change).release != _function().release
    assert _function().release == _function().release


def test_the_adapter_runs_what_names_its_wrapper_and_nothing_else() -> None:
    assert _function(variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap"}).is_web_server
    assert not _function(variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/other"}).is_web_server
    assert not _function().is_web_server


def test_neither_the_code_nor_a_variable_is_shown_by_accident() -> None:
    shown = repr(_function(environment={"SECRET": "value"}))

    assert "value" not in shown
    assert "zip" not in shown
