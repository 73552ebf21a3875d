"""What an environment says about its weights: from S3 or, in a sandbox, from the Hub; and how they are staged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from endpoints.catalogue import (
    DEFAULT_HUB_URL,
    Environment,
    InvalidCatalogueError,
    load_catalogue,
    load_environment,
)
from endpoints.catalogue.loader import PACKAGE_DIRECTORY
from endpoints.catalogue.reading import parse
from endpoints.errors import CatalogueError


def environment(name: str, **changes: Any) -> Environment:
    """An environment of the catalogue, read again with changes."""
    raw = load_catalogue().environment(name).model_dump(mode="json")
    return parse(Environment, raw | changes)


def refusal(name: str, **changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        environment(name, **changes)
    return str(caught.value)


def test_only_the_sandbox_is_a_sandbox_and_nothing_loads_from_the_hub_unasked() -> None:
    environments = load_catalogue().environments

    assert [one.name for one in environments if one.sandbox] == ["sandbox"]
    assert not any(one.load_from_hub for one in environments)
    assert {one.hub_url for one in environments} == {DEFAULT_HUB_URL}


def test_loading_from_the_hub_is_for_sandboxes() -> None:
    assert environment("sandbox", load_from_hub=True).load_from_hub
    assert "load_from_hub: only where sandbox is true" in refusal("staging", load_from_hub=True)


def test_the_embedded_aws_is_no_sandbox_because_its_models_are_always_staged() -> None:
    assert "sandbox: false on the embedded AWS" in refusal("local", sandbox=True)


@pytest.mark.parametrize("url", ["https://hub.example.com", "http://127.0.0.1:4577/_adept/hub"])
def test_another_hub_may_be_named(url: str) -> None:
    assert environment("staging", hub_url=url).hub_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://user:password@hub.example.com",  # pragma: allowlist secret
        "https://hub.example.com/",
        "https://hub.example.com?token=1",
        "ftp://hub.example.com",
        "hub.example.com",
        "http://hub.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
    ],
)
def test_a_hub_with_credentials_a_query_or_without_https_is_refused(url: str) -> None:
    assert "hub_url" in refusal("staging", hub_url=url)


@pytest.mark.parametrize(
    ("field", "value"), [("part_mib", 4), ("part_mib", 513), ("concurrency", 0), ("concurrency", 1001)]
)
def test_parts_are_as_large_as_s3_takes_and_a_worker_holds(field: str, value: int) -> None:
    staging = {"part_mib": 64, "concurrency": 32, field: value}

    assert f"staging.{field}" in refusal("staging", staging=staging)


def test_where_an_environment_runs_can_be_read_while_another_file_has_faults(tmp_path: Path) -> None:
    shutil.copy(PACKAGE_DIRECTORY / "environments.yaml", tmp_path)
    assert load_environment("staging", tmp_path) == load_catalogue().environment("staging")

    with pytest.raises(CatalogueError, match="no environment 'stagin'") as unknown:
        load_environment("stagin", tmp_path)
    assert "staging" in str(unknown.value.remedy)

    (tmp_path / "environments.yaml").write_text("environments: [{name: 1}]")
    with pytest.raises(InvalidCatalogueError, match=r"environments\[0\]"):
        load_environment("staging", tmp_path)
