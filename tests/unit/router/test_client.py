"""The command line's side: asking the router, finding it, and streaming straight from an endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from endpoints.adapters.api_auth import Signature
from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.chat_events import sse_data
from endpoints.adapters.router_client import chat
from endpoints.adapters.router_client import stream_chat as stream_through_the_api
from endpoints.adapters.sagemaker_runtime import ChatStream, stream_chat
from endpoints.adapters.stack_outputs import RouterAccess, router_access
from endpoints.errors import RemoteError
from lambdas.router.asking.failed import FailedAttempt, combined_error
from lambdas.router.errors import render
from lambdas.router.failures import FailureKind
from tests.unit.router.support import (
    FakeRuntime,
    Reply,
    chunk,
    completion,
    events,
    payload_part,
    stream_error,
    whole_stream,
)

ACCESS = RouterAccess("https://router.example/api", "key-value")
HEADERS = {"x-adept-candidate": "alternative", "x-adept-model": "m", "x-adept-attempts": "2"}


def reply_with(monkeypatch: pytest.MonkeyPatch, response: httpx.Response | Exception) -> list[httpx.Request]:
    """Let every HTTP request get `response`; the requests that were made are collected."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(response, Exception):
            raise response
        return response

    original = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: original(transport=httpx.MockTransport(answer)))
    return seen


def test_an_answer_holds_what_the_router_says_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = reply_with(monkeypatch, httpx.Response(200, content=completion("hello"), headers=HEADERS))
    answer = chat(ACCESS, "query-enhancement", "hi", candidate="alternative", max_tokens=5)
    assert (answer.text, answer.candidate, answer.model_id, answer.attempts) == (
        "hello",
        "alternative",
        "m",
        2,
    )
    assert (answer.prompt_tokens, answer.completion_tokens, answer.finish_reason) == (7, 3, "stop")
    assert answer.latency_ms > 0
    assert str(seen[0].url) == "https://router.example/api/v1/chat/completions"
    assert seen[0].headers["authorization"] == "Bearer key-value"
    assert json.loads(seen[0].content) == {
        "model": "query-enhancement:alternative",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
    }


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (httpx.Response(404, json={"error": {"message": "no such use case"}}), "no such use case"),
        (httpx.Response(401, json={"error": {"message": "not valid"}}), "API key"),
        (httpx.Response(403, json={"message": "Forbidden"}), "execute-api:Invoke"),
        (httpx.Response(502, text="<html>"), "502"),
        (httpx.Response(200, text="<html>"), "not as the router does"),
        (httpx.Response(200, json={"choices": []}), "not as the router does"),
        (httpx.ReadTimeout("slow"), "no answer in 35 s"),
        (httpx.ConnectError("refused"), "cannot be reached"),
    ],
)
def test_whatever_goes_wrong_is_said_in_the_apis_own_words(
    monkeypatch: pytest.MonkeyPatch, response: httpx.Response | Exception, says: str
) -> None:
    reply_with(monkeypatch, response)
    with pytest.raises(RemoteError) as caught:
        chat(ACCESS, "query-enhancement", "hi")
    assert says in str(caught.value)


def _of_the_limit(headers: dict[str, str], code: str | None) -> httpx.Response:
    return httpx.Response(429, headers=headers, json={"error": {"message": "too many", "code": code}})


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (
            _of_the_limit({"retry-after": "7"}, "candidates_overloaded"),
            "The models are busy, not the API. Wait 7 s",
        ),
        (
            _of_the_limit({"Retry-After": "1"}, "rate_limit_exceeded"),
            "rate_per_s and burst of the usage plan",
        ),
        (_of_the_limit({}, "insufficient_quota"), "daily_quota of the usage plan"),
        (
            _of_the_limit({"x-ratelimit-limit-requests": "9", "retry-after": "20"}, "rate_limit_exceeded"),
            "requests in a minute of one key (api.key_limits in environments.yaml). Wait 20 s",
        ),
        (
            _of_the_limit({"x-ratelimit-limit-tokens": "9"}, "insufficient_quota"),
            "tokens in a day of one key",
        ),
        (httpx.Response(429, json={"message": "Too Many Requests"}), "Wait a moment and run this again."),
        (httpx.Response(429, text="slow down"), "Wait a moment and run this again."),
        (
            httpx.Response(503, json={"error": {"message": "m", "code": "candidates_unavailable"}}),
            "not ready",
        ),
        (
            httpx.Response(503, json={"error": {"message": "m", "code": "route_table_invalid"}}),
            "adept routes show",
        ),
    ],
)
def test_what_to_do_depends_on_who_refused(
    monkeypatch: pytest.MonkeyPatch, response: httpx.Response, says: str
) -> None:
    reply_with(monkeypatch, response)
    with pytest.raises(RemoteError) as caught:
        chat(ACCESS, "query-enhancement", "hi")
    assert says in str(caught.value.remedy)


def test_overloaded_models_are_no_matter_of_the_usage_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    overloaded = [FailedAttempt("primary", FailureKind.OVERLOADED, "queue is full", retry_after_s=3.0)]
    answer = render(combined_error("query-enhancement", overloaded))
    reply_with(monkeypatch, httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body))
    with pytest.raises(RemoteError) as caught:
        chat(ACCESS, "query-enhancement", "hi")
    assert "Wait 3 s and run this again" in str(caught.value.remedy)
    assert "usage plan" not in str(caught.value)


def test_the_key_is_not_shown_by_accident() -> None:
    assert "key-value" not in repr(ACCESS)


def client_error(code: str, message: str = "m") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (client_error("ExpiredToken"), "have expired"),
        (client_error("InvalidClientTokenId"), "does not know these credentials"),
        (
            client_error("AccessDenied", "not authorized to perform: cloudformation:DescribeStacks"),
            "DescribeStacks",
        ),
        (NoCredentialsError(), "aws sso login"),
        (EndpointConnectionError(endpoint_url="x"), "adept local up"),
    ],
)
def test_aws_errors_say_what_to_do(error: Exception, says: str) -> None:
    with pytest.raises(RemoteError) as caught, aws_errors("find it", endpoint_url="http://127.0.0.1:4577"):
        raise error
    assert "Could not find it" in str(caught.value)
    assert says in str(caught.value)


class FakeAws:
    """A boto3 session whose CloudFormation and API Gateway hold one router stack."""

    credentials: Credentials | None = Credentials("AKID", "secret")

    def __init__(self, outputs: dict[str, str] | ClientError) -> None:
        self.outputs = outputs

    def client(self, service: str, **_: object) -> FakeAws:
        assert service in ("cloudformation", "apigateway")
        return self

    def get_credentials(self) -> Credentials | None:
        return self.credentials

    def describe_stacks(self, **parameters: object) -> dict[str, Any]:
        assert parameters == {"StackName": "adept-staging-router"}
        if isinstance(self.outputs, ClientError):
            raise self.outputs
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        return {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE", "Outputs": outputs}]}

    def get_api_key(self, **parameters: object) -> dict[str, str]:
        assert parameters == {"apiKey": "key-id", "includeValue": True}
        return {"value": "key-value"}


OUTPUTS = {"ApiUrl": "https://a.example/api/", "ApiId": "abc", "ApiKeyId": "key-id", "StageName": "api"}


def access(outputs: dict[str, str] | ClientError, endpoint_url: str | None = None) -> RouterAccess:
    session: Any = FakeAws(outputs)
    return router_access("staging", region="us-east-1", endpoint_url=endpoint_url, session=session)


def test_the_router_of_aws_and_of_the_embedded_aws_have_different_urls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert access(OUTPUTS) == RouterAccess("https://a.example/api", "key-value")
    local = access(OUTPUTS, "http://127.0.0.1:4577/")
    assert local.base_url == "http://127.0.0.1:4577/restapis/abc/api/_user_request_"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4577")
    assert access(OUTPUTS) == local


def test_a_stack_that_is_missing_or_unfinished_says_what_to_do() -> None:
    missing = client_error("ValidationError", "Stack with id adept-staging-router does not exist")
    with pytest.raises(RemoteError, match="make deploy ENV=staging"):
        access(missing)
    with pytest.raises(RemoteError, match="no output ApiUrl; its status is ROLLBACK_COMPLETE"):
        access({})


def test_without_a_key_requests_are_signed_with_the_sessions_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    seen = reply_with(monkeypatch, httpx.Response(200, content=completion("hello"), headers=HEADERS))
    signed = access({name: value for name, value in OUTPUTS.items() if name != "ApiKeyId"})

    assert signed.api_key is None
    assert chat(signed, "query-enhancement", "hi").text == "hello"
    authorization = seen[0].headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/us-east-1/execute-api/aws4_request" in authorization
    assert "x-amz-date" in seen[0].headers
    assert "secret" not in repr(signed)


def test_a_signature_covers_the_body_and_the_query() -> None:
    signature = Signature(Credentials("AKID", "secret"), "us-east-1")

    def signed(url: str, body: bytes) -> str:
        request = httpx.Request("POST", url, content=body, headers={"content-type": "application/json"})
        return str(next(signature.auth_flow(request)).headers["authorization"]).rpartition("Signature=")[2]

    first = signed("https://a.example/api/x", b"1")
    assert first != signed("https://a.example/api/x", b"2")
    assert first != signed("https://a.example/api/x?candidate=primary", b"1")


def test_without_credentials_nothing_is_signed_and_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeAws, "credentials", None)
    with pytest.raises(RemoteError, match="aws sso login"):
        access({name: value for name, value in OUTPUTS.items() if name != "ApiKeyId"}, "http://127.0.0.1:1")


@pytest.fixture
def stream(runtime: FakeRuntime) -> Iterator[ChatStream]:
    chat_stream = stream_chat(
        "adept-local-query-enhancement",
        "hi",
        region="us-east-1",
        variant="primary",
        endpoint_url=runtime.url,
        session=boto3.Session(),
        max_tokens=5,
    )
    yield chat_stream
    chat_stream.close()


def test_text_comes_piece_by_piece_and_is_measured(runtime: FakeRuntime, stream: ChatStream) -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    # Some servers write `null` where others write an empty list.
    raw = events(
        chunk("he", choices=None),
        chunk("he"),
        chunk("llo"),
        chunk("", "stop"),
        chunk(choices=[], usage=usage),
    )
    parts = [
        payload_part(raw[start : start + 17]) for start in range(0, len(raw), 17)
    ]  # lines split anywhere
    runtime.replies["primary"] = Reply.stream(*parts, pause_s=0.001)
    assert list(stream) == ["he", "llo"]
    assert (stream.finish_reason, stream.prompt_tokens, stream.completion_tokens) == ("stop", 4, 2)
    assert stream.variant == "primary"
    assert stream.ttft_ms is not None
    assert stream.latency_ms is not None
    assert 0 < stream.ttft_ms < stream.latency_ms
    sent = json.loads(runtime.requests[0][2])
    assert (sent["stream"], sent["max_tokens"]) == (True, 5)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply.stream(payload_part(events(chunk("he"), done=False))), "without its end marker"),
        (Reply.stream(payload_part(events(chunk("he")))), "before the answer did"),
        (Reply.stream(payload_part(events({"error": {"message": "gpu lost"}}))), "gpu lost"),
        (Reply.stream(payload_part(b"data: {\n\n")), "not JSON"),
        (
            Reply.stream(
                payload_part(whole_stream()[:40]), stream_error("ModelStreamError", Message="reset")
            ),
            "reset",
        ),
        (Reply.stream(payload_part(whole_stream()[:40]), hang_up=True), "Could not stream"),
        (Reply.error(400, "ValidationError", Message="Endpoint not found"), "Endpoint not found"),
    ],
)
def test_a_stream_that_breaks_is_an_error_however_much_text_came(
    runtime: FakeRuntime, stream: ChatStream, reply: Reply, says: str
) -> None:
    runtime.replies["primary"] = reply
    with pytest.raises(RemoteError, match=says):
        list(stream)


def test_an_answer_streams_through_the_api_and_says_who_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    raw = events(chunk("he"), chunk("llo", "stop"), chunk(choices=[], usage=usage))
    seen = reply_with(monkeypatch, httpx.Response(200, content=iter([raw[:50], raw[50:]]), headers=HEADERS))
    answer = stream_through_the_api(ACCESS, "query-enhancement", "hi", candidate="alternative", max_tokens=5)

    assert list(answer) == ["he", "llo"]
    assert (answer.candidate, answer.model_id, answer.attempts) == ("alternative", "m", "2")
    assert (answer.finish_reason, answer.prompt_tokens, answer.completion_tokens) == ("stop", 4, 2)
    assert answer.ttft_ms is not None
    assert answer.latency_ms is not None
    assert 0 < answer.ttft_ms <= answer.latency_ms
    assert json.loads(seen[0].content) == {
        "model": "query-enhancement:alternative",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _broken_off(error: Exception) -> Iterator[bytes]:
    yield events(chunk("he"), done=False)
    raise error


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (httpx.Response(429, json={"error": {"message": "too many"}}), "429: too many"),
        (httpx.Response(200, content=events(chunk("he"), done=False)), "without its end marker"),
        (httpx.Response(200, content=events({"error": {"message": "gpu lost"}}, done=False)), "gpu lost"),
        (
            httpx.Response(200, content=_broken_off(httpx.RemoteProtocolError("incomplete"))),
            "broke the stream off",
        ),
        (httpx.Response(200, content=_broken_off(httpx.ReadTimeout("slow"))), "no answer in 35 s"),
        (httpx.ConnectError("refused"), "cannot be reached"),
    ],
)
def test_a_stream_through_the_api_that_breaks_is_an_error_however_much_text_came(
    monkeypatch: pytest.MonkeyPatch, response: httpx.Response | Exception, says: str
) -> None:
    reply_with(monkeypatch, response)
    with pytest.raises(RemoteError, match=says):
        list(stream_through_the_api(ACCESS, "query-enhancement", "hi"))


@given(st.lists(st.integers(1, 30), max_size=30))
def test_events_are_found_however_the_bytes_are_cut(cuts: list[int]) -> None:
    raw = events(chunk("지원자"), chunk("🚀", "stop"))
    pieces, start = [], 0
    for length in [*cuts, len(raw)]:
        pieces.append(raw[start : start + length])
        start += length
    assert list(sse_data(pieces)) == list(sse_data([raw]))
    assert len(list(sse_data([raw]))) == 3
