"""The router over the embedded SageMaker: both speak SageMaker's wire protocol, neither knows the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lambdas.router.messages import Request
from lambdas.router.route_table_reader import parse_route_table
from lambdas.router.service import Router
from tests.contracts.router.embedded import (
    REGION,
    Embedded,
    Reply,
    completion,
    embedded_sagemaker,
    failure,
    stream,
)
from tests.unit.router.edge import Edge
from tests.unit.router.support import WholeResponse, candidate, route


@dataclass(frozen=True)
class Served:
    """A router and the edge that it asks through."""

    router: Router
    edge: Edge


@pytest.fixture
def embedded() -> Iterator[Embedded]:
    """Containers that answer with the name of their variant."""
    with embedded_sagemaker(completion) as embedded:
        yield embedded


@pytest.fixture
def router(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A router whose use case `chat` lives on the endpoint `chat`; `ghost` has an endpoint that does not exist."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", embedded.url)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    candidates = [candidate(role, f"org/{role}") for role in ("primary", "alternative")]
    routes = {name: route(name, *candidates) for name in ("chat", "ghost")}
    table = parse_route_table({"version": 2, "environment": "local", "use_cases": routes})
    with Edge() as edge:
        yield Served(Router(table, edge.upstream), edge)


def ask(router: Served, model: str = "chat", **fields: object) -> WholeResponse:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
    request = Request("POST", "/v1/chat/completions", body=json.dumps(body).encode())
    response, _ = router.edge.runner.run(router.router.handle(request, buffered=True))
    assert isinstance(response.body, bytes)
    return WholeResponse(response.status, response.body, response.headers)


def text_of(response: WholeResponse) -> str:
    document = json.loads(response.body)
    text: str = document["choices"][0]["message"]["content"]
    return text


def break_primary(embedded: Embedded, reply: Reply, alternative: Reply | None = None) -> None:
    good = alternative or completion("alternative")
    embedded.play(lambda variant: reply if variant == "primary" else good)


def test_the_target_variant_decides_which_container_answers(router: Served, embedded: Embedded) -> None:
    embedded.deploy("primary", "alternative")
    assert text_of(ask(router)) == "primary"
    assert text_of(ask(router, "chat:alternative")) == "alternative"


def test_a_container_that_fails_falls_over_and_one_that_refuses_does_not(
    router: Served, embedded: Embedded
) -> None:
    embedded.deploy("primary", "alternative")
    for status in (424, 429, 500):  # a fourth one would open the breaker
        break_primary(embedded, failure(status, "gpu lost"))
        response = ask(router)
        assert text_of(response) == "alternative"
        assert response.headers["x-adept-attempts"] == "2"

    break_primary(embedded, failure(422, "`inputs` must have less than 4096 tokens"))
    refused = ask(router)
    assert refused.status == 400
    assert json.loads(refused.body)["error"]["message"] == "`inputs` must have less than 4096 tokens"


def test_a_variant_that_is_not_there_falls_over_and_an_endpoint_that_is_not_there_is_503(
    router: Served, embedded: Embedded
) -> None:
    embedded.deploy("alternative")
    assert text_of(ask(router)) == "alternative"

    missing = ask(router, "ghost")
    assert missing.status == 503
    message = json.loads(missing.body)["error"]["message"]
    assert message.startswith("No candidate of ghost answered. primary: unavailable")
    assert "account" not in message  # SageMaker's own text names it


def test_a_stream_is_passed_on_whole_or_falls_over(router: Served, embedded: Embedded) -> None:
    embedded.deploy("primary", "alternative")
    for cut, role in ((False, "primary"), (True, "alternative")):
        break_primary(embedded, stream("p", cut=cut), stream("a"))
        response = ask(router, stream=True)
        assert response.status == 200
        assert response.headers["x-adept-candidate"] == role
        assert response.body.endswith(b"data: [DONE]\n\n")
