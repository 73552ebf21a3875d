"""A cloud assembly is read, and changed in one stack, the way the CDK CLI needs it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from endpoints.adapters.assembly import read_assembly, synthesise, with_template
from endpoints.errors import DeployError

TEMPLATE = {"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}


def _written(folder: Path) -> Path:
    """An assembly of one stack, with a nested one, as the CDK writes them."""
    _write_stack(folder, "adept-test-one", {"adept-test-stage": _nested("assembly-stage")})
    _write_stack(folder / "assembly-stage", "adept-test-two", {})
    return folder


def _write_stack(folder: Path, name: str, others: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(TEMPLATE)
    digest = hashlib.sha256(content.encode()).hexdigest()
    (folder / f"{name}.template.json").write_text(content)
    (folder / f"{name}.assets.json").write_text(
        json.dumps({"files": {digest: {"objectKey": f"{digest}.json"}}})
    )
    stack = {
        "type": "aws:cloudformation:stack",
        "properties": {
            "templateFile": f"{name}.template.json",
            "stackTemplateAssetObjectUrl": f"s3://assets/{digest}.json",
        },
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {name: stack, **others}}))


def _nested(directory: str) -> dict[str, Any]:
    return {"type": "cdk:cloud-assembly", "properties": {"directoryName": directory}}


def test_every_stack_is_read_nested_ones_included(tmp_path: Path) -> None:
    assert dict(read_assembly(_written(tmp_path))) == {"adept-test-one": TEMPLATE, "adept-test-two": TEMPLATE}


def test_a_changed_template_is_uploaded_under_its_own_hash_and_the_original_is_left_alone(
    tmp_path: Path,
) -> None:
    assembly = _written(tmp_path / "out")
    changed = {"Resources": {"B": {"Type": "AWS::SNS::Topic"}}}

    copy = with_template(assembly, "adept-test-one", changed)

    assert read_assembly(copy)["adept-test-one"] == changed
    assert read_assembly(assembly)["adept-test-one"] == TEMPLATE
    digest = hashlib.sha256((copy / "adept-test-one.template.json").read_bytes()).hexdigest()
    assert digest in (copy / "manifest.json").read_text()
    assert list(json.loads((copy / "adept-test-one.assets.json").read_text())["files"]) == [digest]


@pytest.mark.parametrize("content", [None, "{not json", "[]"])
def test_what_is_no_assembly_is_refused_with_the_command_that_writes_one(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)

    with pytest.raises(DeployError) as refused:
        read_assembly(tmp_path)

    assert str(tmp_path) in refused.value.message
    assert "cdk synth" in (refused.value.remedy or "")


def test_a_stack_that_is_not_in_the_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="holds no stack elsewhere"):
        with_template(_written(tmp_path / "out"), "elsewhere", TEMPLATE)


def test_an_app_that_does_not_synthesise_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="no environment 'nowhere'"):
        synthesise("nowhere", tmp_path)
