"""No template holds a secret, or a place where one would be put in clear."""

from __future__ import annotations

import json

import pytest

from endpoints.secret_shapes import looks_secret
from tests.infra.conftest import templates


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


def test_no_template_unwraps_a_secret(environment: str) -> None:
    for template in templates(environment).values():
        assert "resolve:secretsmanager" not in json.dumps(template)


@pytest.mark.parametrize("planted", ["hf_" + "a" * 34, "AKIA" + "A" * 16])
def test_the_scan_would_find_one(planted: str) -> None:
    assert [text for text in _strings({"Resources": [{"Value": planted}]}) if looks_secret(text)] == [planted]
