"""The token that opened the gated models, after everything else has run: who has seen it, and who has not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from endpoints.local import processes
from endpoints.local.hub import Origin
from tests.e2e.conftest import COMMANDS_LOG, TOKEN, System
from tests.support.hub import RunningHub

pytestmark = pytest.mark.e2e

# ministack keeps what Secrets Manager holds in the state file, where nothing is encrypted: see docs/local.md.
_KEPT_IN_CLEAR = "state.json"


def test_the_hub_was_shown_the_token_and_its_content_delivery_network_was_not(
    system: System, hub: RunningHub
) -> None:
    # Given that the models were staged from there, through the gate
    files = [request for request in hub.requests(Origin.HUB) if "/resolve" in request.path]
    large = hub.requests(Origin.CDN)
    assert files
    assert large
    # Then every request for a file had the token, and none that went elsewhere
    assert {request.headers.get("authorization") for request in files} == {f"Bearer {TOKEN}"}
    assert not [request for request in large if "authorization" in request.headers]
    assert not [request for request in large if TOKEN in f"{request.path}?{request.query}{request.headers}"]
    assert {request.host for request in large} == {hub.cdn_url.removeprefix("http://")}
    assert system.settings.hub_endpoint == hub.url


def test_no_answer_of_any_service_holds_the_token_but_the_secrets_own(system: System) -> None:
    secrets = system.client("secretsmanager")
    held = [
        secrets.get_secret_value(SecretId=one["ARN"]).get("SecretString")
        for one in secrets.list_secrets()["SecretList"]
        if "hugging" in json.dumps(one, default=str).lower()
    ]
    assert TOKEN in held  # or the search below would find nothing wherever it looked
    assert [where for where, what in _answers(system) if TOKEN in json.dumps(what, default=str)] == []


def test_no_file_of_the_embedded_aws_holds_the_token_but_secrets_managers_own(system: System) -> None:
    files = [path for path in system.settings.home.rglob("*") if path.is_file()]
    assert len(files) > 50
    # Among them is what every command of this run printed, the one that stored the token first.
    assert "token" in (system.settings.home / COMMANDS_LOG).read_text()
    found = {path.name for path in files if TOKEN.encode() in path.read_bytes()}
    assert found <= {_KEPT_IN_CLEAR}


def test_no_process_was_given_the_token(system: System) -> None:
    running = processes.marked(system.settings.home)
    assert running
    for process in running:
        with suppress(psutil.NoSuchProcess):  # a Lambda worker that ends just now
            assert TOKEN not in f"{process.cmdline()} {process.environ()}"


def _answers(system: System) -> Iterator[tuple[str, Any]]:
    """What describes itself in an account: models, functions, executions, stacks, and every log line."""
    yield from _of_sagemaker(system.client("sagemaker"))
    yield from _of_step_functions(system.client("stepfunctions"))
    yield from _of_cloudformation(system.client("cloudformation"))
    functions = system.client("lambda")
    for function in functions.list_functions()["Functions"]:
        yield function["FunctionName"], functions.get_function(FunctionName=function["FunctionName"])
    yield from _of_logs(system.client("logs"))


def _of_logs(logs: Any) -> Iterator[tuple[str, Any]]:
    lines = {
        group["logGroupName"]: logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        for group in logs.describe_log_groups()["logGroups"]
    }
    assert [name for name, events in lines.items() if "Stager" in name and events]  # the worker's among them
    yield from lines.items()


def _of_sagemaker(sagemaker: Any) -> Iterator[tuple[str, Any]]:
    models = sagemaker.list_models(MaxResults=100)["Models"]
    assert models
    for model in models:
        yield model["ModelName"], sagemaker.describe_model(ModelName=model["ModelName"])
    for endpoint in sagemaker.list_endpoints(MaxResults=100)["Endpoints"]:
        name = endpoint["EndpointName"]
        yield name, sagemaker.describe_endpoint(EndpointName=name)


def _of_step_functions(machines: Any) -> Iterator[tuple[str, Any]]:
    seen = 0
    for machine in machines.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        yield machine["name"], machines.describe_state_machine(stateMachineArn=arn)
        for execution in machines.list_executions(stateMachineArn=arn)["executions"]:
            seen += 1
            named = {"executionArn": execution["executionArn"]}
            yield execution["name"], machines.describe_execution(**named)
            yield execution["name"], machines.get_execution_history(**named, maxResults=1000)["events"]
    assert seen >= 2  # the stager's, one for each snapshot at least


def _of_cloudformation(stacks: Any) -> Iterator[tuple[str, Any]]:
    for stack in stacks.describe_stacks()["Stacks"]:
        name = stack["StackName"]
        yield name, stack
        yield name, stacks.get_template(StackName=name)["TemplateBody"]
        yield name, stacks.describe_stack_events(StackName=name)["StackEvents"]
