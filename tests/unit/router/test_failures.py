"""Which failure falls over, which is the caller's own, and what the caller is told when nobody answered."""

from __future__ import annotations

import pytest

from lambdas.router.failed import FailedAttempt, combined_error
from lambdas.router.failures import (
    FailureKind,
    FaultSource,
    UpstreamError,
    classify,
)

CALLER, OVERLOADED, UNAVAILABLE = FailureKind.CALLER, FailureKind.OVERLOADED, FailureKind.UNAVAILABLE
TIMEOUT, BROKEN = FailureKind.TIMEOUT, FailureKind.BROKEN


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CALLER),
        (413, CALLER),
        (422, CALLER),  # TGI: validation
        (401, BROKEN),  # 401, 403, 404, 405: the container is set up wrongly
        (403, BROKEN),
        (404, BROKEN),
        (405, BROKEN),
        (408, TIMEOUT),
        (424, BROKEN),  # TGI: generation failed
        (429, OVERLOADED),
        (500, BROKEN),
        (503, UNAVAILABLE),
        (504, TIMEOUT),
        (None, BROKEN),
        (0, BROKEN),
    ],
)
def test_the_engines_own_status_decides_for_a_model_error(status: int | None, kind: FailureKind) -> None:
    fault = UpstreamError(FaultSource.SERVICE, "m", code="ModelError", status=status, from_engine=True)
    assert classify(fault) is kind


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, OVERLOADED),
        ("ModelNotReadyException", 429, UNAVAILABLE),
        ("ServiceUnavailable", 503, UNAVAILABLE),
        ("ValidationError", 400, UNAVAILABLE),  # endpoint or variant not found
        ("ValidationException", 400, UNAVAILABLE),
        ("InternalFailure", 500, BROKEN),
        ("InternalDependencyException", 530, BROKEN),
        ("AccessDeniedException", 403, BROKEN),
        ("RequestTimeoutException", 408, TIMEOUT),
        ("ModelStreamError", None, BROKEN),
        ("SomethingNew", 429, OVERLOADED),
        ("SomethingNew", None, BROKEN),
    ],
)
def test_sagemakers_own_errors_never_count_as_the_callers(
    code: str, status: int | None, kind: FailureKind
) -> None:
    assert classify(UpstreamError(FaultSource.SERVICE, "m", code=code, status=status)) is kind


def test_sagemakers_sixty_second_limit_is_a_time_out() -> None:
    message = "Your invocation timed out while waiting for a response from container primary."
    fault = UpstreamError(FaultSource.SERVICE, message, code="ModelError", status=0, from_engine=True)
    assert classify(fault) is TIMEOUT


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (FaultSource.TIMEOUT, TIMEOUT),
        (FaultSource.CONNECTION, UNAVAILABLE),
        (FaultSource.SETUP, BROKEN),
        (FaultSource.ANSWER, BROKEN),
    ],
)
def test_faults_on_the_way_fall_over(source: FaultSource, kind: FailureKind) -> None:
    assert classify(UpstreamError(source, "m")) is kind


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([TIMEOUT, TIMEOUT], 504),
        ([OVERLOADED, OVERLOADED], 429),
        ([UNAVAILABLE], 503),
        ([OVERLOADED, UNAVAILABLE], 503),
        ([OVERLOADED, TIMEOUT], 503),
        ([BROKEN, OVERLOADED], 502),
        ([BROKEN], 502),
    ],
)
def test_the_combined_status_is_one_that_every_cause_supports(kinds: list[FailureKind], status: int) -> None:
    error = combined_error("job-parsing", [FailedAttempt("primary", kind, "m") for kind in kinds])
    assert error.status == status
    assert "job-parsing" in error.message


def test_no_cause_is_masked_by_another() -> None:
    error = combined_error(
        "job-parsing",
        [
            FailedAttempt("primary", BROKEN, "out of memory"),
            FailedAttempt("alternative", TIMEOUT, "no answer"),
        ],
    )
    assert "primary: broken (out of memory)" in error.message
    assert "alternative: timeout (no answer)" in error.message


@pytest.mark.parametrize("kind", [OVERLOADED, UNAVAILABLE])
def test_where_waiting_helps_the_caller_is_told_how_long(kind: FailureKind) -> None:
    error = combined_error("job-parsing", [FailedAttempt("primary", kind, "m")])
    assert int(error.headers["retry-after"]) > 0
