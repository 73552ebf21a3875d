"""The router over the embedded SageMaker: both speak SageMaker's wire protocol, neither knows the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from endpoints.local.sagemaker import SageMaker
from lambdas.router.messages import Request, Response
from lambdas.router.route_table import parse_route_table
from lambdas.router.sagemaker import SageMakerUpstream, runtime_client
from lambdas.router.service import Router
from tests.contracts.sagemaker.conftest import REGION, Clients
from tests.contracts.sagemaker.container_fakes import Call, FakeHost
from tests.contracts.sagemaker.world import make_endpoint, variant

LIMITS = {"max_body_bytes": 4096, "max_messages": 4, "max_output_tokens": 100, "timeout_ms": 10_000}


@pytest.fixture
def router(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> Iterator[Router]:
    """A router whose use case `chat` lives on the endpoint `chat`; `ghost` has an endpoint that does not exist."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", clients.url)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = runtime_client()
    yield Router(parse_route_table(_table()), SageMakerUpstream(lambda: client))
    client.close()


def _table() -> dict[str, Any]:
    candidates = [
        {"role": role, "variant": role, "model_id": f"org/{role}", "engine": "tgi", "max_total_tokens": 4096}
        for role in ("primary", "alternative")
    ]
    routes = {
        name: {"endpoint_name": name, "limits": LIMITS, "candidates": candidates}
        for name in ("chat", "ghost")
    }
    return {"version": 1, "environment": "local", "use_cases": routes}


def serve_both(sagemaker: SageMaker) -> None:
    make_endpoint(sagemaker, variant("primary"), variant("alternative"))


def ask(router: Router, use_case: str = "chat", **fields: object) -> Response:
    body = {"model": use_case, "messages": [{"role": "user", "content": "hi"}], **fields}
    response, _ = router.handle(Request("POST", "/v1/chat/completions", body=json.dumps(body).encode()))
    return response


def complete(call: Call) -> None:
    who = call.container_id.partition("-")[0]
    choice = {"index": 0, "message": {"role": "assistant", "content": who}, "finish_reason": "stop"}
    call.answer(json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def fail_primary(status: int, message: str) -> Any:
    def behaviour(call: Call) -> None:
        if call.container_id.startswith("primary"):
            call.answer(json.dumps({"error": message, "error_type": "x"}).encode(), status)
        else:
            complete(call)

    return behaviour


def text_of(response: Response) -> str:
    document = json.loads(response.body)
    text: str = document["choices"][0]["message"]["content"]
    return text


def test_the_target_variant_decides_which_container_answers(
    router: Router, sagemaker: SageMaker, host: FakeHost
) -> None:
    host.behaviour = complete
    serve_both(sagemaker)
    assert text_of(ask(router)) == "primary"
    assert text_of(ask(router, "chat:alternative")) == "alternative"


@pytest.mark.parametrize("status", [424, 429, 500, 503])
def test_a_container_that_fails_falls_over(
    router: Router, sagemaker: SageMaker, host: FakeHost, status: int
) -> None:
    host.behaviour = fail_primary(status, "gpu lost")
    serve_both(sagemaker)
    response = ask(router)
    assert text_of(response) == "alternative"
    assert response.headers["x-adept-attempts"] == "2"


def test_a_container_that_refuses_the_request_is_heard_by_the_caller(
    router: Router, sagemaker: SageMaker, host: FakeHost
) -> None:
    host.behaviour = fail_primary(422, "`inputs` must have less than 4096 tokens")
    serve_both(sagemaker)
    response = ask(router)
    assert response.status == 400
    assert json.loads(response.body)["error"]["message"] == "`inputs` must have less than 4096 tokens"


def test_an_endpoint_that_is_not_there_is_503(router: Router) -> None:
    response = ask(router, "ghost")
    assert response.status == 503
    assert "ghost" in json.loads(response.body)["error"]["message"]


def test_a_variant_that_is_not_there_falls_over(router: Router, sagemaker: SageMaker, host: FakeHost) -> None:
    host.behaviour = complete
    make_endpoint(sagemaker, variant("alternative"))
    assert text_of(ask(router)) == "alternative"


def stream(*, finish: bool) -> Any:
    """Primary streams and is cut or not; the alternative streams well."""

    def behaviour(call: Call) -> None:
        call.begin(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        primary = call.container_id.startswith("primary")
        for reason in (None, "stop"):
            delta = {"content": "p" if primary else "a"}
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            call.chunk(f"data: {json.dumps(chunk)}\n\n".encode())
            if primary and not finish:
                call.hang_up()
                return
        call.chunk(b"data: [DONE]\n\n")
        call.chunk(b"")

    return behaviour


@pytest.mark.parametrize(("finish", "candidate"), [(True, "primary"), (False, "alternative")])
def test_a_stream_is_passed_on_whole_or_falls_over(
    router: Router, sagemaker: SageMaker, host: FakeHost, finish: bool, candidate: str
) -> None:
    host.behaviour = stream(finish=finish)
    serve_both(sagemaker)
    response = ask(router, stream=True)
    assert response.status == 200
    assert response.headers["x-adept-candidate"] == candidate
    assert response.body.endswith(b"data: [DONE]\n\n")
