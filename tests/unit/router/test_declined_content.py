"""Content that a candidate declines: another one may answer; what was said before a filter cut in is an answer."""

from __future__ import annotations

import json

import pytest

from lambdas.router.failures import CONTENT_FILTER
from lambdas.router.messages import Request
from lambdas.router.sagemaker_faults import service_fault
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import chat_request, chunk, completion, error_of, events, whole_stream
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, streamed

TEXT = Request(
    "POST",
    "/v1/completions",
    body=json.dumps({"model": "query-enhancement", "prompt": "hi"}).encode(),
    request_id="req-1",
)


def ended(content: str | None, reason: str = "content_filter") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    return completion(choices=[choice])


def text(said: str, reason: str = "content_filter") -> bytes:
    choice = {"index": 0, "text": said, "finish_reason": reason}
    return json.dumps({"object": "text_completion", "choices": [choice]}).encode()


CASES = [
    (chat_request(), ended(None), completion()),
    (chat_request(), ended(""), completion()),
    (
        chat_request(),
        json.dumps({"error": {"message": "no", "code": "content_filter"}}).encode(),
        completion(),
    ),
    (streamed(), events(chunk("", "content_filter")), whole_stream()),
    (streamed(), events(chunk(""), chunk("", "content_filter")), whole_stream()),
    (TEXT, text(""), text("hi", "stop")),
]


@pytest.mark.parametrize(("request_", "declined", "good"), CASES)
def test_content_that_one_candidate_declines_is_put_to_the_next(
    request_: Request, declined: bytes, good: bytes
) -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=declined, alternative=[good, declined]))
        assert await world.answered_by(request_) == "alternative"
        assert world.traces[0].attempts[0].outcome == "refused"
        response = await world.ask(request_)
        assert (response.status, error_of(response)["code"]) == (400, "content_filter")

    run_virtual(story())


def test_what_was_said_before_the_filter_cut_in_is_an_answer() -> None:
    async def story() -> None:
        cut_in = events(chunk("some"), chunk("", "content_filter"))
        world = World(FakeUpstream(primary=[ended("some"), cut_in]))
        for request in (chat_request(), streamed()):
            response = await world.ask(request)
            assert response.headers["x-adept-candidate"] == "primary"
            assert b'"content_filter"' in response.body

    run_virtual(story())


@pytest.mark.parametrize(
    ("said", "declined"),
    [
        ('{"error": {"message": "no", "code": "content_filter"}}', True),
        ('{"error": {"message": "no", "type": "content_filter"}}', True),
        ('{"error": "no", "error_type": "validation"}', False),
        ("content_filter", False),
    ],
)
def test_a_guard_that_refuses_with_a_status_is_understood(said: str, declined: bool) -> None:
    body = json.dumps({"OriginalStatusCode": 400, "OriginalMessage": said}).encode()
    fault = service_fault(424, {"x-amzn-errortype": "ModelError"}, body)
    assert (fault.code == CONTENT_FILTER) == declined
