"""The router behind its HTTP server: ids, API Gateway's and Lambda's context, and answers of OpenAI's shape for all."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from lambdas.router.assembly import Assembly
from lambdas.router.http.errors import Refused
from lambdas.router.http.request_reader import RawRequest
from lambdas.router.messages import Request, Response
from lambdas.router.route_table import RouteTableError
from lambdas.router.sagemaker import SageMakerUpstream
from lambdas.router.trace import Trace
from lambdas.router.web import RouterApp
from tests.unit.router.support import error_of, table


class Core:
    """Remembers what it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.request = Request("", "")
        self.process_left_s: float | None = None

    async def handle(self, request: Request, *, process_left_s: float | None) -> tuple[Response, Trace]:
        self.request, self.process_left_s = request, process_left_s
        if self.error is not None:
            raise self.error
        return Response(200), Trace()


def assembly(core: Core) -> Assembly:
    router: Any = core  # a router, as far as it is used here
    return Assembly(router, table(), SageMakerUpstream())


def app(core: Core) -> RouterApp:
    return RouterApp(lambda _: assembly(core))


def ask(core: Core, target: str = "/v1/models", method: str = "GET", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(app(core).answer(RawRequest(method, target, named, b"body")))


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def _in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "router")


def gateway(**changes: object) -> str:
    context = {"requestId": "gw-1", "stage": "api", "identity": {"apiKeyId": "key-id-1", "apiKey": "secret"}}
    return json.dumps(context | changes)


def test_a_request_reaches_the_core_with_path_query_and_body(core: Core) -> None:
    ask(core, "/use-cases/a%2Fb/invoke?candidate=alternative&x=1%202&empty=", method="POST")
    assert (core.request.method, core.request.path) == ("POST", "/use-cases/a%2Fb/invoke")
    assert core.request.query == {"candidate": "alternative", "x": "1 2", "empty": ""}
    assert core.request.body == b"body"
    assert core.process_left_s is None


def test_a_proxys_absolute_address_is_understood(core: Core) -> None:
    ask(core, "http://router.example/v1/models?x=1")
    assert (core.request.path, core.request.query) == ("/v1/models", {"x": "1"})


@pytest.mark.parametrize("target", ["http://[", "http://a]b/v1/models", "*"])
def test_an_absolute_address_that_is_none_is_a_path_that_nobody_knows(core: Core, target: str) -> None:
    assert ask(core, target).status == 200
    assert core.request.path == target


@pytest.mark.parametrize("given", ["req-7", "01HZX:a/b+c=", "x" * 128])
def test_a_callers_own_request_id_is_kept(core: Core, given: str) -> None:
    ask(core, x_request_id=given)
    assert core.request.request_id == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "é", 'a"b', "a\tb"])
def test_what_is_no_request_id_is_replaced(core: Core, given: str) -> None:
    ask(core, x_request_id=given)
    assert len(core.request.request_id) == 32
    assert core.request.request_id != ask(core).headers.get("x-request-id")


@pytest.mark.usefixtures("_in_lambda")
def test_under_the_adapter_the_gateways_context_is_believed(core: Core) -> None:
    epoch_ms = int((time.time() - 3) * 1000)
    deadline = {"deadline": (time.time() + 20) * 1000, "request_id": "lambda-1"}
    ask(
        core,
        "/api/v1/models",
        x_amzn_request_context=gateway(requestTimeEpoch=epoch_ms),
        x_amzn_lambda_context=json.dumps(deadline),
    )
    request = core.request
    assert (request.request_id, request.path, request.caller) == ("gw-1", "/v1/models", "key-id-1")
    assert request.waited_s == pytest.approx(3, abs=0.5)
    assert core.process_left_s == pytest.approx(20, abs=0.5)


@pytest.mark.usefixtures("_in_lambda")
def test_the_key_itself_is_nobodys_id_and_an_iam_principal_is(core: Core) -> None:
    ask(core, x_amzn_request_context=gateway(identity={"apiKey": "secret"}))
    assert core.request.caller is None
    ask(core, x_amzn_request_context=gateway(identity={"apiKeyId": None, "userArn": "arn:aws:iam::1:user/a"}))
    assert core.request.caller == "arn:aws:iam::1:user/a"


def test_elsewhere_a_client_cannot_say_who_it_is_or_how_long_it_may(core: Core) -> None:
    ask(core, x_amzn_request_context=gateway(), x_amzn_lambda_context='{"deadline": 1}')
    assert core.request.caller is None
    assert core.request.request_id != "gw-1"
    assert core.process_left_s is None


@pytest.mark.usefixtures("_in_lambda")
@pytest.mark.parametrize(
    "nonsense", ["", "{", "[]", "null", '{"identity": 5, "requestId": {}}', "[" * 100_000]
)
def test_a_context_that_cannot_be_read_counts_as_not_said(core: Core, nonsense: str) -> None:
    response = ask(core, x_amzn_request_context=nonsense, x_amzn_lambda_context=nonsense)
    assert response.status == 200
    assert core.request.caller is None
    assert core.process_left_s is None


def test_a_bug_is_a_500_with_the_id_of_its_log_line_and_no_text(
    core: Core, capsys: pytest.CaptureFixture[str]
) -> None:
    core.error = RuntimeError("a secret")
    response = ask(core, x_request_id="req-7")
    assert (response.status, error_of(response)["code"]) == (500, "internal_error")
    assert response.headers["x-request-id"] == "req-7"
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["request_id"]) == ("crash", "req-7")
    assert "secret" not in json.dumps(line)


def test_without_a_valid_table_every_request_is_a_503_until_there_is_one(
    core: Core, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = True

    def make(_: object) -> Assembly:
        if broken:
            raise RouteTableError(("it is broken",))
        return assembly(core)

    router = RouterApp(make)
    router.prepare()
    request = RawRequest("GET", "/v1/models", {}, b"")
    response = asyncio.run(router.answer(request))
    assert (response.status, error_of(response)["code"]) == (503, "route_table_invalid")
    assert capsys.readouterr().out.count("it is broken") == 2
    broken = False
    assert asyncio.run(router.answer(request)).status == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_http"),
        (408, "request_timeout"),
        (413, "request_too_large"),
        (431, "headers_too_large"),
        (503, "router_overloaded"),
    ],
)
def test_what_did_not_become_a_request_is_refused_in_openais_shape(status: int, code: str) -> None:
    response = app(Core()).app().refusal(Refused(status, "no"))
    assert response.status == status
    assert error_of(response)["code"] == code
    assert response.headers["x-request-id"]
    assert ("retry-after" in response.headers) is (status == 503)


def test_bodies_are_bounded_by_the_tables_largest_once_there_is_a_table(core: Core) -> None:
    router = app(core)
    before = router.app().max_body_bytes()
    router.prepare()
    assert router.app().max_body_bytes() == table().max_body_bytes
    assert before > 0
