"""Answers of deployed APIs stream: from the function's own program to the caller, who may leave."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.contracts.ministack.running import embedded_aws
from tests.contracts.ministack.streaming_api import PROGRAM, StreamingApi, deploy, packed
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamingApi]:
    with embedded_aws(tmp_path_factory.mktemp("aws")) as running:
        yield deploy(running)


@pytest.fixture
def api(deployed: StreamingApi) -> Iterator[StreamingApi]:
    """With the function as it was deployed, whatever a test made of it."""
    yield deployed
    deployed.configure()


@pytest.fixture
def http(api: StreamingApi) -> Iterator[httpx.Client]:
    with api.http() as client:
        yield client


# It streams


def test_the_first_piece_arrives_before_the_last_one_is_produced(http: httpx.Client) -> None:
    with http.stream("POST", "/steps") as answer:
        pieces = answer.iter_text()
        assert next(pieces) == "one\n"
        # Only now is the program let go on: what came so far cannot have waited for the end.
        assert http.post("/release").text == "released"
        assert "".join(pieces) == "two\n"

    assert answer.headers["content-type"] == "text/event-stream"


def test_who_leaves_ends_the_programs_work(http: httpx.Client) -> None:
    with http.stream("POST", "/endless") as answer:
        next(answer.iter_text())

    eventually(lambda: "endless" in http.get("/left").json(), what="the end of the program's connection")


def test_who_leaves_before_the_answer_begins_ends_it_too(api: StreamingApi, http: httpx.Client) -> None:
    with api.http() as hasty, pytest.raises(httpx.ReadTimeout):
        hasty.post("/wait", timeout=0.3)

    eventually(lambda: "wait" in http.get("/left").json(), what="the end of the program's connection")


def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(http: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/cut")


def test_many_callers_are_answered_at_once(api: StreamingApi, http: httpx.Client) -> None:
    with http.stream("POST", "/steps") as waiting, api.http() as other:
        pieces = waiting.iter_text()
        assert next(pieces) == "one\n"
        assert other.get("/teapot").status_code == 418
        other.post("/release")
        assert list(pieces) == ["two\n"]


# As the Lambda Web Adapter does it


def test_the_program_gets_the_request_and_the_two_contexts(api: StreamingApi, http: httpx.Client) -> None:
    forged = {"x-amzn-request-context": "{}", "x-custom": "kept"}
    answer = http.post("/a%20b/c?x=1&x=2&y=%26", content="grüezi", headers=forged)
    seen = answer.json()

    assert (seen["method"], seen["target"], seen["body"]) == ("POST", "/a%20b/c?x=1&x=2&y=%26", "grüezi")
    assert seen["headers"]["x-custom"] == "kept"
    context = json.loads(seen["headers"]["x-amzn-request-context"])
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    assert abs(context["requestTimeEpoch"] / 1000 - time.time()) < 30
    assert context["identity"]["apiKeyId"] == api.stack.outputs()["KeyId"]
    assert context["authorizer"]["caller"].startswith("key-")
    lambda_context = json.loads(seen["headers"]["x-amzn-lambda-context"])
    assert 0 < lambda_context["deadline"] / 1000 - time.time() <= 60
    assert lambda_context["invoked_function_arn"].endswith(f":function:{api.function}")


def test_the_program_has_lambdas_environment_and_reaches_the_embedded_aws(
    api: StreamingApi, http: httpx.Client
) -> None:
    environment = http.get("/any").json()["environment"]

    assert environment["AWS_ENDPOINT_URL"] == api.aws.settings.endpoint_url
    assert environment["AWS_ACCESS_KEY_ID"] == "000000004577"
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == api.function
    assert environment["PYTHONPATH"] is None  # its own bundle, not this checkout


def test_status_and_repeated_headers_pass(http: httpx.Client) -> None:
    assert http.get("/teapot").status_code == 418
    assert http.get("/any").headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_a_path_that_looks_like_another_host_stays_with_the_program(api: StreamingApi) -> None:
    with api.http() as client:
        answer = client.get(f"{api.url}//example.invalid/x")

    assert answer.json()["target"].endswith("example.invalid/x")


def test_the_adapters_own_hook_is_closed_to_callers(http: httpx.Client) -> None:
    assert http.post("/_restored").status_code == 403


def test_what_the_program_writes_is_in_the_functions_log(api: StreamingApi, http: httpx.Client) -> None:
    http.get("/remember-me")
    logs = api.aws.client("logs")
    group = f"/aws/lambda/{api.function}"

    def lines() -> list[str]:
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events]

    logs.create_log_group(logGroupName=group)  # no template of this test's declares it
    http.get("/remember-me")
    eventually(lambda: any("/remember-me" in line for line in lines()), what="the line in the log")
    assert "answered /remember-me" in (api.aws.settings.log_dir / f"lambda-{api.function}.log").read_text()


# The life of the program


def test_one_program_is_kept_and_another_configuration_or_code_starts_another(
    api: StreamingApi, http: httpx.Client
) -> None:
    first = http.get("/any").json()
    assert http.get("/any").json()["pid"] == first["pid"]

    api.configure(GREETING="hello")
    second = http.get("/any").json()
    assert (second["environment"]["GREETING"], second["pid"] != first["pid"]) == ("hello", True)

    changed = PROGRAM.read_bytes().replace(b"short and stout", b"tall and thin")
    api.aws.client("lambda").update_function_code(FunctionName=api.function, ZipFile=packed(changed))
    assert http.get("/teapot").text == "tall and thin"
    eventually(lambda: not psutil.pid_exists(first["pid"]), what="the end of the first program")


def test_a_change_lets_an_answer_that_has_begun_come_to_its_end(
    api: StreamingApi, http: httpx.Client
) -> None:
    with http.stream("POST", "/slowly") as answer, api.http() as other:
        pieces = answer.iter_text()
        assert next(pieces) == "one\n"
        api.configure(GREETING="another")
        assert other.get("/any").json()["environment"]["GREETING"] == "another"
        assert list(pieces) == ["two\n"]


def test_a_program_that_died_is_started_again(http: httpx.Client) -> None:
    first = http.get("/any").json()["pid"]
    assert http.post("/die").status_code == 500
    assert http.get("/any").json()["pid"] != first


def test_a_program_that_does_not_start_is_an_error_and_not_a_hang(
    api: StreamingApi, http: httpx.Client
) -> None:
    api.configure(GREETING="refuse")
    started_s = time.monotonic()
    answer = http.get("/any")

    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})
    assert time.monotonic() - started_s < 10
    assert "this configuration is refused" in api.aws.settings.server_log.read_text()


def test_a_handler_that_is_no_program_is_an_error(api: StreamingApi, http: httpx.Client) -> None:
    function = api.aws.client("lambda")
    function.update_function_code(FunctionName=api.function, ZipFile=_zip("other", b""))
    assert http.get("/any").status_code == 500
    function.update_function_code(FunctionName=api.function, ZipFile=packed(PROGRAM.read_bytes()))
    assert http.get("/any").status_code == 200


def test_an_answer_that_takes_longer_than_the_function_may_is_ended(
    api: StreamingApi, http: httpx.Client
) -> None:
    function = api.aws.client("lambda")
    function.update_function_configuration(FunctionName=api.function, Timeout=1)
    try:
        assert http.post("/wait").status_code == 504
        with pytest.raises(httpx.RemoteProtocolError):
            http.post("/endless")
    finally:
        function.update_function_configuration(FunctionName=api.function, Timeout=60)


# What API Gateway checks comes first


def test_a_key_that_is_not_in_the_plan_never_reaches_the_program(api: StreamingApi) -> None:
    with api.http("wrong") as client:
        answer = client.post("/steps")

    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


def test_a_request_without_a_key_never_reaches_the_program(api: StreamingApi) -> None:
    assert httpx.post(f"{api.url}/steps", trust_env=False).status_code == 401


def test_each_caller_has_the_limits_of_its_own_plan_though_the_authorizers_answer_is_remembered(
    api: StreamingApi, http: httpx.Client
) -> None:
    with api.http(api.limited_key(burst=2)) as limited:
        statuses = [limited.get("/any").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert http.get("/any").status_code == 200


def test_the_control_plane_tells_what_the_template_said(api: StreamingApi) -> None:
    # botocore checks the answers' members against API Gateway's own model.
    gateway, outputs = api.aws.client("apigateway"), api.stack.outputs()

    integration: dict[str, Any] = gateway.get_integration(
        restApiId=outputs["ApiId"], resourceId=outputs["ResourceId"], httpMethod="ANY"
    )
    assert integration["responseTransferMode"] == "STREAM"
    assert integration["uri"].endswith("/response-streaming-invocations")
    assert gateway.get_rest_api(restApiId=outputs["ApiId"])["apiKeySource"] == "AUTHORIZER"


# The last tests of this file: nothing is deployed after the first, and nothing runs after the second.


def test_a_program_ends_when_its_function_is_deleted(deployed: StreamingApi) -> None:
    with deployed.http() as client:
        pid = client.get("/any").json()["pid"]
    deployed.stack.delete()

    eventually(lambda: not psutil.pid_exists(pid), what="the end of the program")


def test_nothing_is_left_of_the_program_when_the_embedded_aws_ends(deployed: StreamingApi) -> None:
    with deploy(deployed.aws).http() as client:
        pid = client.get("/any").json()["pid"]
    deployed.aws.stop()

    assert not psutil.pid_exists(pid)


def _zip(name: str, content: bytes) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, content)
        return file.getvalue()
