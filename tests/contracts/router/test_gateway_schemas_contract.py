"""API Gateway's schemas refuse nothing that the router takes, and the router refuses whatever they do, with 400.

So a caller gets the same status whether API Gateway has looked at a body (in AWS) or not (the embedded AWS, a laptop,
a body under another content type).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk.assertions import Template
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from infra.request_schemas import CHAT_SCHEMA, COMPLETION_SCHEMA, INVOKE_SCHEMA
from lambdas.router.messages import Request
from tests.unit.router.support import ask

CHAT, COMPLETION, INVOKE = "/v1/chat/completions", "/v1/completions", "/use-cases/query-enhancement/invoke"
SCHEMAS = {CHAT: CHAT_SCHEMA, COMPLETION: COMPLETION_SCHEMA, INVOKE: INVOKE_SCHEMA}
NOWHERE = "/use-cases/nowhere/invoke"
MESSAGE = {"role": "user", "content": "hello"}

_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(0, 1) | st.sampled_from(["", " ", "a"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from("ab"), inside, max_size=2),
    max_leaves=4,
)
_FIELDS = {
    "model": st.sampled_from(["query-enhancement", "query-enhancement:alternative", "unknown", "u" * 300]),
    "messages": st.lists(st.just(MESSAGE) | _ANYTHING, max_size=3),
    "prompt": st.lists(st.sampled_from(["a", ""]) | _ANYTHING, max_size=3),
    "inputs": st.just("a"),
}
_BODIES = _ANYTHING | st.fixed_dictionaries(
    {}, optional={name: values | _ANYTHING for name, values in _FIELDS.items()}
)


@pytest.fixture(scope="module")
def gateway() -> dict[str, Draft4Validator]:
    """API Gateway's models as the templates have them, by path."""
    stack = Stack(App(), "api")
    api = apigateway.RestApi(stack, "api")
    api.root.add_method("GET")
    for number, schema in enumerate(SCHEMAS.values()):
        apigateway.Model(stack, f"model{number}", rest_api=api, schema=schema, model_name=f"model{number}")
    models = Template.from_stack(stack).find_resources("AWS::ApiGateway::Model").values()
    by_name = {model["Properties"]["Name"]: model["Properties"]["Schema"] for model in models}
    return {path: Draft4Validator(by_name[f"model{number}"]) for number, path in enumerate(SCHEMAS)}


def _status(path: str, body: object) -> int:
    response, _ = ask(Request(method="POST", path=path, body=json.dumps(body).encode(), request_id="r"))
    return response.status


@pytest.mark.parametrize("path", [CHAT, COMPLETION, INVOKE, NOWHERE])
@given(body=_BODIES)
@example(body={"model": "unknown", "messages": [], "prompt": [], "inputs": ""})
@example(body={"model": "unknown", "messages": ["a"], "prompt": "", "inputs": 1})
@example(body={"model": "u" * 300, "messages": [MESSAGE], "prompt": "a", "inputs": "a"})
@example(body={"model": None, "messages": [MESSAGE], "prompt": "a", "inputs": None})
def test_what_the_gateway_refuses_the_router_refuses_with_the_same_status(
    gateway: dict[str, Draft4Validator], path: str, body: Any
) -> None:
    refused = not gateway[INVOKE if path == NOWHERE else path].is_valid(body)

    status = _status(path, body)

    if refused:
        assert status == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"model": "query-enhancement", "messages": [MESSAGE]}),
        (COMPLETION, {"model": "query-enhancement", "prompt": ["a", "b"]}),
        (INVOKE, {"inputs": "a"}),
    ],
)
def test_what_both_take_is_asked_of_a_model(
    gateway: dict[str, Draft4Validator], path: str, body: dict[str, Any]
) -> None:
    assert gateway[path].is_valid(body)
    assert _status(path, body) not in (400, 404)  # the stand-in answers in one engine's shape only


@pytest.mark.parametrize("path", SCHEMAS)
def test_how_much_is_taken_is_the_use_cases_to_say_and_not_the_gateways(
    gateway: dict[str, Draft4Validator], path: str
) -> None:
    many = {"model": "m" * 5000, "messages": [MESSAGE] * 5000, "prompt": ["a"] * 5000, "inputs": "a" * 50_000}

    assert gateway[path].is_valid(many)
