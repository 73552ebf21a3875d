"""The Lambda function: API Gateway's event in, its answer out, one log line, over the real botocore client."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from lambdas.router import handler as module
from lambdas.router.handler import handler
from lambdas.router.proxy_event import to_request
from tests.unit.router.support import (
    ALTERNATIVE_MODEL,
    FakeRuntime,
    Reply,
    chat_body,
    completion,
    decoded_events,
    payload_part,
    table_document,
    whole_stream,
)

SECRET_PROMPT = "the candidate's salary is confidential"


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 20_000


@pytest.fixture(autouse=True)
def _fresh_router(runtime: FakeRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    runtime.replies = {"primary": Reply((completion(),)), "alternative": Reply((completion(),))}
    path = tmp_path / "route_table.json"
    path.write_text(json.dumps(table_document()))
    monkeypatch.setenv("ROUTE_TABLE_PATH", str(path))
    module._assembly.cache_clear()
    yield
    if module._assembly.cache_info().currsize:  # not where the table was never valid
        module._assembly().upstream.close()
    module._runner().run(asyncio.sleep(0))  # the loop closes the connections
    module._assembly.cache_clear()
    module._runner().close()
    module._runner.cache_clear()


def event(path: str = "/v1/chat/completions", method: str = "POST", **changes: Any) -> dict[str, Any]:
    """A REST API's proxy event, as far as it matters."""
    body = json.dumps(chat_body(messages=[{"role": "user", "content": SECRET_PROMPT}]))
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "queryStringParameters": None,
        "requestContext": {"requestId": "req-7", "stage": "api"},
        "body": body,
        "isBase64Encoded": False,
    } | changes


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_chat_request_gets_a_completion_of_openais_schema() -> None:
    answer = handler(event(), Context())
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    parsed = ChatCompletion.model_validate_json(answer["body"], strict=True)
    assert parsed.choices[0].message.content == "hi"
    assert answer["headers"]["x-adept-candidate"] == "primary"
    assert answer["headers"]["x-request-id"] == "req-7"


def test_a_streamed_request_gets_chunks_of_openais_schema(runtime: FakeRuntime) -> None:
    runtime.replies["primary"] = Reply.stream(payload_part(whole_stream()))
    answer = handler(event(body=json.dumps(chat_body(stream=True))), Context())
    assert answer["headers"]["content-type"].startswith("text/event-stream")
    *chunks, end = decoded_events(answer["body"].encode())
    assert end == "[DONE]"
    assert (
        "".join(ChatCompletionChunk.model_validate(each).choices[0].delta.content or "" for each in chunks)
        == "hello"
    )


def test_the_alternative_answers_over_the_wire_when_the_primary_is_broken(runtime: FakeRuntime) -> None:
    runtime.replies["primary"] = Reply.model_error(500, '{"error": "Incomplete generation"}')
    answer = handler(event(), Context())
    assert answer["statusCode"] == 200
    assert answer["headers"]["x-adept-model"] == ALTERNATIVE_MODEL
    assert answer["headers"]["x-adept-attempts"] == "2"
    assert [variant for _, variant, _ in runtime.requests] == ["primary", "alternative"]


def test_the_log_line_says_what_happened_and_never_what_was_said(
    runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.replies["primary"] = Reply.model_error(500, f'{{"error": "cannot serve: {SECRET_PROMPT}"}}')
    runtime.replies["alternative"] = Reply((completion("a confidential answer"),))
    handler(event(), Context())
    line = logged(capsys)
    assert "confidential" not in json.dumps(line)
    assert line["request_id"] == "req-7"
    assert line["use_case"] == "query-enhancement"
    assert line["candidate"] == "alternative"
    assert line["status"] == 200
    assert line["latency_ms"] > 0
    assert (line["prompt_tokens"], line["completion_tokens"]) == (7, 3)
    assert [attempt["outcome"] for attempt in line["attempts"]] == ["broken", "ok"]
    assert line["attempts"][0]["status"] == 500


def test_sagemakers_own_message_is_in_the_log_and_not_in_the_answer(
    runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "Endpoint x of account 123456789012 not found."
    runtime.replies = dict.fromkeys(
        ("primary", "alternative"), Reply.error(400, "ValidationError", Message=said)
    )
    answer = handler(event(), Context())
    assert answer["statusCode"] == 503
    assert "123456789012" not in json.dumps(answer)
    assert [attempt["detail"] for attempt in logged(capsys)["attempts"]] == [said, said]


def test_a_base64_encoded_body_is_decoded() -> None:
    body = base64.b64encode(json.dumps(chat_body()).encode()).decode()
    assert handler(event(body=body, isBase64Encoded=True), Context())["statusCode"] == 200
    assert handler(event(body="not base64!", isBase64Encoded=True), Context())["statusCode"] == 400


@pytest.mark.parametrize("path", ["/health", "/api/health", "/health/"])
def test_the_stage_in_the_path_makes_no_difference(path: str) -> None:
    assert handler(event(path, "GET", body=None), Context())["statusCode"] == 200


@pytest.mark.parametrize(
    ("received_s_ago", "expected_s"), [(4.0, 4.0), (-4.0, 0.0), (100.0, 0.0), (None, 0.0)]
)
def test_the_wait_before_the_lambda_ran_is_known_unless_the_clocks_disagree(
    received_s_ago: float | None, expected_s: float
) -> None:
    received = None if received_s_ago is None else int((time.time() - received_s_ago) * 1000)
    request = to_request(event(requestContext={"requestTimeEpoch": received}), "req-7")
    assert request.waited_s == pytest.approx(expected_s, abs=0.5)


@pytest.mark.parametrize("nonsense", [{"requestContext": "x"}, {"headers": []}, [], None])
def test_an_event_that_no_api_gateway_sends_is_an_error_of_openais_shape(nonsense: Any) -> None:
    answer = handler(nonsense, Context())
    assert json.loads(answer["body"])["error"]["type"]
    assert answer["headers"]["x-request-id"]


def test_an_event_without_optional_parts_is_answered() -> None:
    answer = handler({"httpMethod": "GET", "path": "/v1/models", "headers": None}, None)
    assert answer["statusCode"] == 200


@pytest.mark.parametrize("text", ["{", '{"version": 2}'])
def test_an_invalid_route_table_is_503_until_it_is_valid(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "route_table.json"
    path.write_text(text)
    answer = handler(event(), Context())
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["code"] == "route_table_invalid"
    assert answer["headers"]["x-request-id"] == "req-7"
    assert logged(capsys)["faults"]

    path.write_text(json.dumps(table_document()))
    assert handler(event(), Context())["statusCode"] == 200


def test_a_missing_route_table_is_503(tmp_path: Path) -> None:
    (tmp_path / "route_table.json").unlink()
    assert handler(event(), Context())["statusCode"] == 503


def test_a_bug_becomes_a_500_whose_log_line_has_places_but_no_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SECRET_PROMPT)

    monkeypatch.setattr(module, "to_request", broken)
    answer = handler(event(), Context())
    assert answer["statusCode"] == 500
    assert json.loads(answer["body"])["error"]["code"] == "internal_error"
    assert answer["headers"]["x-request-id"] == "req-7"  # the message says that it finds the line
    line = logged(capsys)
    assert (line["event"], line["error"], line["request_id"]) == ("crash", "RuntimeError", "req-7")
    assert SECRET_PROMPT not in json.dumps(line)
    assert any("broken" in place for place in line["places"])
