"""No template, no asset and no lock holds a secret, or a place where one would be put in clear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoints.locks import LOCKS_FOLDER
from endpoints.secret_shapes import looks_secret
from infra.environments import build_environment
from tests.infra.conftest import (
    TOKEN,
    TOKEN_VARIABLES,
    a_shell_with_a_token,
    app_of,
    resources,
    templates,
)
from tools.token_scan import lines_with_a_token


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in _strings(part)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def test_no_string_of_any_template_looks_like_a_secret(environment: str) -> None:
    for name, template in templates(environment).items():
        found = [text for text in _strings(template) if looks_secret(text)]
        assert not found, f"{name}: {len(found)} strings look like secrets"


def test_no_template_holds_the_token_of_whoever_synthesised_it(environment: str) -> None:
    found = templates(environment)
    assert len(found) > 5
    assert [name for name, template in found.items() if TOKEN in json.dumps(template)] == []


def test_no_template_unwraps_a_secret(environment: str) -> None:
    for template in templates(environment).values():
        assert "resolve:secretsmanager" not in json.dumps(template)


@pytest.mark.parametrize("planted", ["hf_" + "a" * 34, "AKIA" + "A" * 16])
def test_the_scan_would_find_one(planted: str) -> None:
    assert [text for text in _strings({"Resources": [{"Value": planted}]}) if looks_secret(text)] == [planted]


def test_no_container_and_no_function_has_a_variable_for_a_token(environment: str) -> None:
    seen = 0
    for template in templates(environment).values():
        for variables in _variables(template):
            seen += 1
            assert not variables.keys() & set(TOKEN_VARIABLES)
    assert seen > 5


def _variables(template: Any) -> Iterator[dict[str, Any]]:
    for model in resources(template, "AWS::SageMaker::Model").values():
        containers = model["Properties"].get("Containers") or [model["Properties"]["PrimaryContainer"]]
        yield from (container.get("Environment", {}) for container in containers)
    for function in resources(template, "AWS::Lambda::Function").values():
        yield function["Properties"].get("Environment", {}).get("Variables", {})


def test_one_role_of_all_stacks_may_read_the_token(environment: str) -> None:
    readers = [
        (name, role["Ref"])
        for name, template in templates(environment).items()
        for policy in resources(template, "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "secretsmanager:GetSecretValue" in _actions(statement)
        for role in policy["Properties"]["Roles"]
    ]

    assert [name for name, _ in readers] == [f"adept-{environment}-foundation"]
    assert readers[0][1].startswith("StagerWorker")


def _actions(statement: dict[str, Any]) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else list(actions)


def test_nothing_that_is_uploaded_holds_a_token() -> None:
    app = app_of("production")
    with a_shell_with_a_token():
        build_environment(app)
        files = [path for path in Path(app.synth().directory).rglob("*") if path.is_file()]

    assert any(path.name == "worker.py" for path in files)  # the Lambdas' code is among them
    assert [path for path in files if list(lines_with_a_token(path.read_bytes()))] == []


def test_no_lock_holds_a_secret() -> None:
    locks = sorted(LOCKS_FOLDER.glob("*.lock.yaml"))

    assert len(locks) > 3
    assert [lock.name for lock in locks if looks_secret(lock.read_text())] == []
