"""A router that streams: an HTTP server under the Lambda Web Adapter behind integrations of mode STREAM."""

from __future__ import annotations

import json

import pytest

from tests.infra.api import methods_of, router_template
from tests.infra.conftest import Template, resources

FUNCTION = "RouterFunction0F681190"
STREAMED = {"streaming": True, "timeout_s": 300}


@pytest.fixture(scope="module")
def streamed() -> Template:
    return router_template(router=STREAMED)


@pytest.fixture(scope="module")
def buffered() -> Template:
    return router_template(router={"streaming": False, "timeout_s": 29})


def test_every_answer_streams_because_the_adapter_answers_in_no_other_way(streamed: Template) -> None:
    for route, method in methods_of(streamed).items():
        integration = method["Integration"]
        assert integration["ResponseTransferMode"] == "STREAM", route
        assert "/2021-11-15/functions/" in json.dumps(integration["Uri"])
        assert json.dumps(integration["Uri"]).endswith('/response-streaming-invocations"]]}')


def test_api_gateway_waits_as_long_as_the_function_may_take(streamed: Template) -> None:
    function = streamed["Resources"][FUNCTION]["Properties"]

    assert function["Timeout"] == 300
    assert {m["Integration"]["TimeoutInMillis"] for m in methods_of(streamed).values()} == {300_000}


def test_the_function_is_a_program_that_the_adapter_starts(streamed: Template) -> None:
    function = streamed["Resources"][FUNCTION]["Properties"]
    variables = function["Environment"]["Variables"]

    assert function["Handler"] == "run.sh"
    assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bootstrap"
    assert variables["AWS_LWA_INVOKE_MODE"] == "response_stream"
    assert variables["AWS_LWA_READINESS_CHECK_PATH"] == "/health"


@pytest.mark.parametrize(
    ("architecture", "layer"), [("arm64", "LambdaAdapterLayerArm64"), ("x86_64", "LambdaAdapterLayerX86")]
)
def test_the_adapter_is_that_of_the_functions_processor(architecture: str, layer: str) -> None:
    template = router_template(router={**STREAMED, "architecture": architecture})
    (arn,) = template["Resources"][FUNCTION]["Properties"]["Layers"]

    assert arn == f"arn:aws:lambda:us-east-1:753240598075:layer:{layer}:30"


def test_without_streaming_a_handler_answers_whole_within_29_seconds(buffered: Template) -> None:
    function = buffered["Resources"][FUNCTION]["Properties"]

    assert function["Handler"] == "lambdas.router.handler.handler"
    assert "Layers" not in function
    for method in methods_of(buffered).values():
        assert "ResponseTransferMode" not in method["Integration"]
        assert method["Integration"]["TimeoutInMillis"] == 29_000


def test_a_snapshot_is_taken_of_a_version_that_the_api_then_calls() -> None:
    template = router_template(router={**STREAMED, "snap_start": True})
    function = template["Resources"][FUNCTION]["Properties"]
    (alias,) = resources(template, "AWS::Lambda::Alias")

    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert resources(template, "AWS::Lambda::Version")
    for method in methods_of(template).values():
        assert alias in json.dumps(method["Integration"]["Uri"])


def test_without_snapshots_no_version_is_published(streamed: Template) -> None:
    assert not resources(streamed, "AWS::Lambda::Version")
    assert "SnapStart" not in streamed["Resources"][FUNCTION]["Properties"]


def test_callers_cannot_reach_the_adapters_own_hook(streamed: Template) -> None:
    # The adapter answers 403 to callers for this path, and only where the variable names it.
    variables = streamed["Resources"][FUNCTION]["Properties"]["Environment"]["Variables"]

    assert variables["AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH"] == "/_snapstart/restored"
