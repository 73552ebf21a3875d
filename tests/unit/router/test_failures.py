"""What follows from each fault: for the request, for a repetition, and for the candidate's breaker."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.failures import FailureKind, FaultSource, UpstreamError, classify, judge
from lambdas.router.http.errors import ConnectionLost
from lambdas.router.sagemaker_faults import transport_fault

CALLER, CONTEXT, REFUSED = FailureKind.CALLER, FailureKind.CONTEXT_LENGTH, FailureKind.REFUSED
OVERLOADED, UNAVAILABLE = FailureKind.OVERLOADED, FailureKind.UNAVAILABLE
TIMEOUT, BROKEN = FailureKind.TIMEOUT, FailureKind.BROKEN
PASSES, BLAMES = True, True
STAYS, INNOCENT = False, False
TGI_TOO_LONG = "Input validation error: `inputs` must have less than 3072 tokens. Given: 5000"
VLLM_TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
SIXTY_SECONDS = "Your invocation timed out while waiting for a response from container primary."


def engine(status: int | None, message: str = "m", **changes: Any) -> UpstreamError:
    """ModelError with OriginalStatusCode, or the same said inside an answer with status 200."""
    return UpstreamError(
        **{
            "source": FaultSource.SERVICE,
            "message": message,
            "code": "ModelError",
            "status": status,
            "from_engine": True,
        }
        | changes
    )


def service(code: str, status: int | None) -> UpstreamError:
    return UpstreamError(FaultSource.SERVICE, "m", code=code, status=status)


def answer(code: str) -> UpstreamError:
    return UpstreamError(FaultSource.ANSWER, "m", code=code)


def late(code: str) -> UpstreamError:
    return UpstreamError(FaultSource.TIMEOUT, "m", code=code)


def connection(code: str) -> UpstreamError:
    return UpstreamError(FaultSource.CONNECTION, "m", code=code)


CASES: list[tuple[str, UpstreamError, tuple[FailureKind, bool, bool]]] = [
    # ModelError with OriginalStatusCode 4xx: the request's own fault, never tried again.
    ("the engine refuses: 400", engine(400), (CALLER, STAYS, INNOCENT)),
    ("the engine refuses: 413", engine(413), (CALLER, STAYS, INNOCENT)),
    ("TGI refuses: 422 validation", engine(422), (CALLER, STAYS, INNOCENT)),
    (
        "an error event that blames the request",
        engine(422, source=FaultSource.ANSWER),
        (CALLER, STAYS, INNOCENT),
    ),
    # The context is too short: another candidate's may do.
    ("TGI: the prompt is too long", engine(422, TGI_TOO_LONG), (CONTEXT, STAYS, INNOCENT)),
    ("vLLM: the prompt is too long", engine(400, VLLM_TOO_LONG), (CONTEXT, STAYS, INNOCENT)),
    ("said by its code", engine(422, code="context_length"), (CONTEXT, STAYS, INNOCENT)),
    ("content refused", engine(400, code="content_filter"), (REFUSED, STAYS, INNOCENT)),
    # The container is set up wrongly, or fails at its work.
    ("a wrong token", engine(401), (BROKEN, STAYS, BLAMES)),
    ("a wrong path", engine(404), (BROKEN, STAYS, BLAMES)),
    ("a wrong method", engine(405), (BROKEN, STAYS, BLAMES)),
    ("TGI: generation failed", engine(424), (BROKEN, STAYS, BLAMES)),
    ("engine 500", engine(500), (BROKEN, STAYS, BLAMES)),
    ("engine 502", engine(502), (BROKEN, STAYS, BLAMES)),
    ("no status", engine(None), (BROKEN, STAYS, BLAMES)),
    ("engine overloaded", engine(429), (OVERLOADED, PASSES, BLAMES)),
    ("engine not up yet", engine(503), (UNAVAILABLE, PASSES, BLAMES)),
    ("engine's own time-out", engine(408), (TIMEOUT, STAYS, BLAMES)),
    ("engine behind a proxy that gave up", engine(504), (TIMEOUT, STAYS, BLAMES)),
    ("SageMaker's sixty seconds are over", engine(0, SIXTY_SECONDS), (TIMEOUT, STAYS, BLAMES)),
    # SageMaker itself.
    ("throttled", service("ThrottlingException", 400), (OVERLOADED, PASSES, INNOCENT)),
    ("some other 429", service("SomethingNew", 429), (OVERLOADED, PASSES, BLAMES)),
    ("service unavailable", service("ServiceUnavailable", 503), (UNAVAILABLE, PASSES, BLAMES)),
    ("model not ready", service("ModelNotReadyException", 429), (UNAVAILABLE, PASSES, BLAMES)),
    ("endpoint missing, or still being made", service("ValidationError", 400), (UNAVAILABLE, STAYS, BLAMES)),
    ("variant missing", service("ValidationException", 400), (UNAVAILABLE, STAYS, BLAMES)),
    ("internal failure", service("InternalFailure", 500), (BROKEN, PASSES, BLAMES)),
    ("a proxy's bad gateway", service("", 502), (BROKEN, PASSES, BLAMES)),
    ("internal dependency", service("InternalDependencyException", 530), (BROKEN, STAYS, BLAMES)),
    ("not allowed", service("AccessDeniedException", 403), (BROKEN, STAYS, BLAMES)),
    ("request time-out", service("RequestTimeoutException", 408), (TIMEOUT, STAYS, BLAMES)),
    ("an error without a name", service("SomethingNew", None), (BROKEN, STAYS, BLAMES)),
    # On the way.
    ("connect time-out", late("ConnectTimeout"), (TIMEOUT, STAYS, BLAMES)),
    ("read time-out", late("DeadlineExceeded"), (TIMEOUT, STAYS, BLAMES)),
    ("slow first token", late("FirstTokenTimeout"), (TIMEOUT, STAYS, BLAMES)),
    ("stalled stream", late("IdleTimeout"), (TIMEOUT, STAYS, BLAMES)),
    ("the router's credentials are late", late("CredentialsTimeout"), (TIMEOUT, STAYS, INNOCENT)),
    ("reset before a word", connection("ConnectionClosed"), (UNAVAILABLE, PASSES, BLAMES)),
    ("connection refused", connection("ConnectionRefusedError"), (UNAVAILABLE, PASSES, BLAMES)),
    ("reset in the middle", answer("AnswerCut"), (BROKEN, PASSES, BLAMES)),
    # The answer.
    ("stream cut half-way, or without its end marker", answer("StreamCut"), (BROKEN, STAYS, BLAMES)),
    ("malformed chunk", answer("BadAnswer"), (BROKEN, STAYS, BLAMES)),
    ("exception inside the stream", answer("ModelStreamError"), (BROKEN, STAYS, BLAMES)),
    ("answer too large", answer("AnswerTooLarge"), (BROKEN, STAYS, BLAMES)),
    ("error inside an answer", engine(None, source=FaultSource.ANSWER), (BROKEN, STAYS, BLAMES)),
    # The router's own.
    ("no credentials", UpstreamError(FaultSource.SETUP, "m"), (BROKEN, STAYS, INNOCENT)),
]


@pytest.mark.parametrize(("fault", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_fault_has_its_consequences(
    fault: UpstreamError, expected: tuple[FailureKind, bool, bool]
) -> None:
    verdict = judge(fault)
    assert (verdict.kind, verdict.passes, verdict.blames) == expected


@given(
    source=st.sampled_from(FaultSource),
    code=st.text(max_size=12) | st.sampled_from(["ModelError", "ThrottlingException", "content_filter"]),
    status=st.none() | st.integers(-1, 700),
    from_engine=st.booleans(),
    message=st.text(max_size=20),
)
def test_every_fault_has_a_verdict_and_only_candidates_are_blamed(
    source: FaultSource, code: str, status: int | None, from_engine: bool, message: str
) -> None:
    fault = UpstreamError(source, message, code=code, status=status, from_engine=from_engine)
    verdict = judge(fault)
    assert verdict.kind is classify(fault)
    if verdict.kind in (CALLER, CONTEXT, REFUSED):
        assert not verdict.blames
        assert not verdict.passes


def test_sagemaker_never_blames_the_caller() -> None:
    """Bodies are checked here; what SageMaker calls a validation error is about the endpoint."""
    for status in range(400, 600):
        assert classify(service("SomethingNew", status)) is not CALLER


@pytest.mark.parametrize("asked", [1, 2])
def test_how_often_a_server_was_sent_the_request_that_it_hung_up_on_is_kept(asked: int) -> None:
    fault = transport_fault(ConnectionLost(began=False, asked=asked))
    assert (fault.code, fault.asked) == ("ConnectionClosed", asked)
