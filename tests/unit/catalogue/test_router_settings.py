"""Settings of an environment that contradict each other are refused with what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from endpoints.catalogue import ApiSettings, KeyLimits, RouterSettings, load_catalogue

ROUTER = {
    "python": "3.14",
    "architecture": "arm64",
    "memory_mib": 512,
    "timeout_s": 29,
    "streaming": False,
    "log_retention_days": 7,
}
API = {"rate_per_s": 10.0, "burst": 20, "daily_quota": 1000}


def test_what_the_refusals_below_start_from_is_valid() -> None:
    RouterSettings.model_validate(ROUTER)
    ApiSettings.model_validate(API)


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"timeout_s": 30}, "up to 29 without streaming"),
        ({"streaming": True, "timeout_s": 901}, "900"),
        ({"python": "host"}, "for both"),
        ({"python": "3.11", "snap_start": True}, "python 3.12 or later"),
        ({"python": "host", "architecture": "host", "snap_start": True}, "on AWS"),
    ],
)
def test_a_router_that_could_not_run_is_refused(change: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ValidationError, match=allowed):
        RouterSettings.model_validate({**ROUTER, **change})


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"auth": "open"}, "'key' or 'iam'"),
        ({"auth": "iam", "authorizer_cache_s": 60}, "auth: key only"),
        ({"authorizer_cache_s": 3601}, "3600"),
        ({"key_limits": {}}, "requests_per_minute, tokens_per_day or both"),
        ({"key_limits": {"tokens_per_day": 0}}, "greater than 0"),
        ({"key_limits": {"tokens_per_day": 1, "when_unavailable": "maybe"}}, "'allow' or 'refuse'"),
    ],
)
def test_an_api_that_could_not_be_guarded_so_is_refused(change: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ValidationError, match=allowed):
        ApiSettings.model_validate({**API, **change})


def test_limits_that_cannot_be_counted_let_requests_pass_unless_the_environment_says_otherwise() -> None:
    assert KeyLimits(tokens_per_day=1).when_unavailable == "allow"


def test_processes_keep_what_they_found_to_themselves_unless_the_environment_says_otherwise() -> None:
    assert RouterSettings.model_validate(ROUTER).share_breakers is False


def test_lambda_outlives_every_stream_so_that_a_time_out_is_the_routers_own_answer() -> None:
    catalogue = load_catalogue()
    longest_ms = max(use_case.routing.streams.timeout_ms for use_case in catalogue.use_cases)

    for environment in catalogue.environments:
        assert not environment.router.streaming or environment.router.timeout_s * 1000 > longest_ms
