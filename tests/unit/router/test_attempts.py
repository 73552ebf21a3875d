"""Candidates in their order, fall-over, and what the caller sees of it."""

from __future__ import annotations

import json

import pytest

from lambdas.router.failures import FaultSource, UpstreamError
from tests.unit.router.fake_upstream import FakeUpstream, play
from tests.unit.router.support import (
    ALTERNATIVE_MODEL,
    PRIMARY_MODEL,
    WholeResponse,
    ask,
    chat_body,
    chat_request,
    completion,
    error_of,
    whole_stream,
)

BROKEN = UpstreamError(
    FaultSource.SERVICE, "CUDA out of memory", code="ModelError", status=500, from_engine=True
)
OVERLOADED = UpstreamError(FaultSource.SERVICE, "overloaded", code="ModelError", status=429, from_engine=True)
INVALID = UpstreamError(
    FaultSource.SERVICE, "inputs too long", code="ModelError", status=422, from_engine=True
)
SLOW = UpstreamError(FaultSource.TIMEOUT, "no answer")


def text_of(response: WholeResponse) -> str:
    document = json.loads(response.body)
    text: str = document["choices"][0]["message"]["content"]
    return text


def test_the_primary_answers_when_it_can() -> None:
    upstream = FakeUpstream(primary=completion("p"), alternative=completion("a"))
    response, _ = ask(chat_request(), upstream)
    assert response.status == 200
    assert text_of(response) == "p"
    assert upstream.asked == ["primary"]
    assert upstream.calls[0].endpoint_name == "adept-test-query-enhancement"
    assert response.headers["x-adept-use-case"] == "query-enhancement"
    assert response.headers["x-adept-candidate"] == "primary"
    assert response.headers["x-adept-model"] == PRIMARY_MODEL
    assert response.headers["x-adept-attempts"] == "1"
    assert response.headers["x-request-id"] == "req-1"


@pytest.mark.parametrize("fault", [BROKEN, OVERLOADED, SLOW])
def test_the_alternative_answers_when_the_primary_fails(fault: UpstreamError) -> None:
    upstream = FakeUpstream(primary=fault, alternative=completion("a"))
    response, trace = ask(chat_request(), upstream)
    assert response.status == 200
    assert text_of(response) == "a"
    assert response.headers["x-adept-candidate"] == "alternative"
    assert response.headers["x-adept-model"] == ALTERNATIVE_MODEL
    assert response.headers["x-adept-attempts"] == "2"
    assert [attempt.outcome for attempt in trace.attempts][1] == "ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"text": "x"}]}',
        b"\xff",
        b'{"error": "boom"}',
    ],
)
def test_an_answer_that_is_no_completion_is_never_passed_on(answer: bytes) -> None:
    upstream = FakeUpstream(primary=answer, alternative=completion("a"))
    response, _ = ask(chat_request(), upstream)
    assert text_of(response) == "a"


def test_a_request_that_the_engine_refuses_is_the_callers_and_is_not_tried_again() -> None:
    upstream = FakeUpstream(primary=INVALID, alternative=completion("a"))
    response, _ = ask(chat_request(), upstream)
    assert upstream.asked == ["primary"]
    assert response.status == 400  # OpenAI's status for what TGI calls 422
    assert error_of(response)["message"] == "inputs too long"
    assert response.headers["x-adept-attempts"] == "1"
    assert "x-adept-candidate" not in response.headers  # nobody answered


def test_a_named_candidate_is_the_only_one_tried() -> None:
    good = FakeUpstream(primary=completion("p"), alternative=completion("a"))
    assert text_of(ask(chat_request(chat_body("query-enhancement:alternative")), good)[0]) == "a"
    assert good.asked == ["alternative"]

    failing = FakeUpstream(primary=BROKEN, alternative=completion("a"))
    response, _ = ask(chat_request(chat_body("query-enhancement:primary")), failing)
    assert response.status == 502
    assert failing.asked == ["primary"]


def test_when_nobody_answers_every_cause_is_named() -> None:
    response, trace = ask(chat_request(), FakeUpstream(primary=BROKEN, alternative=SLOW))
    assert response.status == 502
    message = error_of(response)["message"]
    assert "CUDA out of memory" in message
    assert "alternative: timeout" in message
    assert [attempt.outcome for attempt in trace.attempts] == ["broken", "timeout"]


def test_overload_everywhere_is_429_with_retry_after() -> None:
    response, _ = ask(chat_request(), FakeUpstream(primary=OVERLOADED, alternative=OVERLOADED))
    assert response.status == 429
    assert response.headers["retry-after"] == "1"


HANGING = play(1000.0)


def test_hanging_candidates_share_the_use_cases_time_and_end_in_504() -> None:
    upstream = FakeUpstream(primary=HANGING, alternative=HANGING)
    response, trace = ask(chat_request(), upstream)
    assert response.status == 504
    assert [limits.total_s for limits in upstream.limits] == [10.0, 10.0]  # the use case allows 20 s
    assert trace.latency_ms == 20_000


def test_the_lambdas_remaining_time_bounds_the_attempts() -> None:
    upstream = FakeUpstream(primary=HANGING, alternative=HANGING)
    ask(chat_request(), upstream, process_left_s=4.5)
    assert [limits.total_s for limits in upstream.limits] == [2.0, 2.0]


def test_without_time_left_no_candidate_is_bothered() -> None:
    upstream = FakeUpstream(primary=completion())
    response, _ = ask(chat_request(), upstream, process_left_s=0.2)
    assert response.status == 504
    assert upstream.asked == []


def test_the_answer_is_openais_with_the_model_as_asked_and_an_id() -> None:
    response, trace = ask(chat_request())
    document = json.loads(response.body)
    assert document["model"] == "query-enhancement"
    assert response.headers["x-adept-model"] == PRIMARY_MODEL
    assert document["id"] == "chatcmpl-req-1"  # TGI gives none
    assert document["usage"]["total_tokens"] == 10
    assert (trace.prompt_tokens, trace.completion_tokens) == (7, 3)


def test_an_id_that_the_engine_gave_is_kept() -> None:
    response, _ = ask(chat_request(), FakeUpstream(primary=completion(id="chatcmpl-1")))
    assert json.loads(response.body)["id"] == "chatcmpl-1"


def test_the_time_to_the_first_token_is_that_of_the_attempt_that_answered() -> None:
    """Given a primary that fails after 0.2 s; when the alternative streams, then only its own 0.2 s count."""
    raw = whole_stream()
    upstream = FakeUpstream(primary=play(0.2, BROKEN), alternative=play(0.2, raw[:200], 1.5, raw[200:]))
    _, trace = ask(chat_request(chat_body(stream=True)), upstream)

    assert trace.first_token_ms == 200.0
    assert [attempt.duration_ms for attempt in trace.attempts] == [200.0, 1700.0]


def test_an_answer_that_was_not_streamed_has_no_time_to_the_first_token() -> None:
    _, trace = ask(chat_request())

    assert trace.first_token_ms is None
