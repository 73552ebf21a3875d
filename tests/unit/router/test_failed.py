"""What the caller is told when nobody answered."""

from __future__ import annotations

import pytest

from lambdas.router.asking.failed import FailedAttempt, caller_error, combined_error, stream_error
from lambdas.router.failures import FailureKind, FaultSource, UpstreamError

CONTEXT, REFUSED, UNFIT = FailureKind.CONTEXT_LENGTH, FailureKind.REFUSED, FailureKind.UNFIT
OVERLOADED, UNAVAILABLE = FailureKind.OVERLOADED, FailureKind.UNAVAILABLE
TIMEOUT, BROKEN = FailureKind.TIMEOUT, FailureKind.BROKEN


def failed(
    kind: FailureKind, message: str = "m", role: str = "primary", retry_after_s: float | None = None
) -> FailedAttempt:
    return FailedAttempt(role, kind, message, retry_after_s)


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
        ([CONTEXT, UNAVAILABLE], 503),  # the longer one may answer later
        ([REFUSED, OVERLOADED], 429),
        ([UNFIT, TIMEOUT], 504),
        ([CONTEXT], 400),
        ([CONTEXT, CONTEXT], 400),
        ([REFUSED, CONTEXT], 400),
    ],
)
def test_the_combined_status_is_one_that_every_cause_supports(kinds: list[FailureKind], status: int) -> None:
    assert combined_error("job-parsing", [failed(kind) for kind in kinds]).status == status


def test_no_cause_is_masked_by_another() -> None:
    attempts = [failed(BROKEN, "out of memory"), failed(TIMEOUT, "no answer", "alternative")]
    message = combined_error("job-parsing", attempts).message
    assert "job-parsing" in message
    assert "primary: broken (out of memory)" in message
    assert "alternative: timeout (no answer)" in message


def test_what_happened_again_and_again_is_told_once_with_its_number() -> None:
    message = combined_error("job-parsing", [failed(OVERLOADED)] * 3).message
    assert message.endswith("primary: overloaded (m), 3 times")


@pytest.mark.parametrize(
    ("kind", "code"), [(CONTEXT, "context_length_exceeded"), (REFUSED, "content_filter")]
)
def test_a_request_that_every_candidate_finds_wanting_is_the_callers_in_openais_words(
    kind: FailureKind, code: str
) -> None:
    error = combined_error("job-parsing", [failed(kind, "too long")])
    assert (error.status, error.code, error.message) == (400, code, "too long")
    assert error.kind == "invalid_request_error"


@pytest.mark.parametrize(
    ("kind", "asked_s", "told"),
    [(OVERLOADED, None, "1"), (UNAVAILABLE, None, "5"), (OVERLOADED, 2.2, "3"), (OVERLOADED, 0.0, "1")],
)
def test_where_waiting_helps_the_caller_is_told_how_long(
    kind: FailureKind, asked_s: float | None, told: str
) -> None:
    error = combined_error("job-parsing", [failed(kind, retry_after_s=asked_s)])
    assert error.headers["retry-after"] == told


def test_the_first_candidate_that_may_answer_again_says_when() -> None:
    attempts = [failed(OVERLOADED, retry_after_s=30), failed(OVERLOADED, role="alternative", retry_after_s=4)]
    assert combined_error("job-parsing", attempts).headers["retry-after"] == "4"


def test_a_refusal_names_the_candidates_that_failed_before_it() -> None:
    fault = UpstreamError(FaultSource.SERVICE, "bad seed", code="ModelError", status=422, from_engine=True)
    assert caller_error(fault).message == "bad seed"
    told = caller_error(fault, [failed(UNAVAILABLE, "gone")]).message
    assert told == "bad seed Before it: primary: unavailable (gone)."


def test_a_stream_that_breaks_is_a_server_error_whatever_broke_it() -> None:
    for fault in (
        UpstreamError(FaultSource.ANSWER, "gpu lost", code="EngineError", status=422, from_engine=True),
        UpstreamError(FaultSource.TIMEOUT, "stalled", code="IdleTimeout"),
    ):
        error = stream_error(fault)
        assert (error.kind, error.code) == ("server_error", "stream_interrupted")
        assert fault.message in error.message
