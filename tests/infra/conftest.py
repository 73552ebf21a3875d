"""Every environment synthesised once per run, as the CDK app does it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from endpoints.catalogue import Catalogue, load_catalogue
from endpoints.locks import Lock, proposed
from infra.environments import build_environment

# Made at run time: nothing that looks like a token stands in a file.
TOKEN = "hf_" + "synthesised".ljust(34, "x")
# What programs of the Hub read a token from.
TOKEN_VARIABLES = (
    "HF_TOKEN",
    "HF_API_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HUGGINGFACE_HUB_TOKEN",
    "HUGGINGFACEHUB_API_TOKEN",
)
ENVIRONMENTS = [environment.name for environment in load_catalogue().environments]
Template = Mapping[str, Any]


@contextmanager
def a_shell_with_a_token() -> Iterator[None]:
    """Whoever synthesises may well have one in every variable that programs of the Hub read."""
    with pytest.MonkeyPatch.context() as shell:
        for name in TOKEN_VARIABLES:
            shell.setenv(name, TOKEN)
        yield


@cache
def templates(environment: str) -> dict[str, Template]:
    """Templates of an environment by stack name, synthesised in such a shell."""
    with a_shell_with_a_token():
        return synthesise(environment)


def synthesise(
    environment: str, catalogue: Catalogue | None = None, lock: Lock | None = None
) -> dict[str, Template]:
    """The same from a catalogue of the test's own, and from the lock that it calls for unless one is given."""
    app = app_of(environment)
    if catalogue is not None and lock is None:
        lock = proposed(catalogue, catalogue.environment(environment))
    build_environment(app, catalogue, lock)
    return {stack.stack_name: stack.template for stack in app.synth().stacks}


def app_of(environment: str) -> App:
    """An empty app with the context that cdk.json gives."""
    context = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]
    return App(context={**context, "environment": environment})


def resources(template: Template, resource_type: str) -> dict[str, dict[str, Any]]:
    """Resources of a type by logical id."""
    return {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


def only(template: Template, resource_type: str) -> dict[str, Any]:
    """The properties of the one resource of a type."""
    found = list(resources(template, resource_type).values())
    assert len(found) == 1, f"{len(found)} resources of type {resource_type}"
    return dict(found[0]["Properties"])


def statements_of(template: Template, *, role_prefix: str = "") -> list[dict[str, Any]]:
    """Every IAM statement of the policies attached to roles whose logical id starts with `role_prefix`."""
    policies = resources(template, "AWS::IAM::Policy").values()
    return [
        statement
        for policy in policies
        if any(role["Ref"].startswith(role_prefix) for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    """Each environment in turn."""
    return str(request.param)
