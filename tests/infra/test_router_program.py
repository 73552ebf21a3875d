"""What Lambda starts under the web adapter: the script at the root of the bundle that is deployed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoints.catalogue import load_catalogue
from endpoints.local.ports import free_port
from infra.router_stack import router_bundle
from tests.infra.conftest import templates
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def bundle() -> Path:
    catalogue = load_catalogue()
    return router_bundle(catalogue, catalogue.environment("local"))


@pytest.fixture
def port(bundle: Path) -> Iterator[int]:
    """The handler, started as the adapter's bootstrap does it, with the variables that the template sets."""
    port = free_port()
    function = templates("local")["adept-local-router"]["Resources"]["RouterFunction0F681190"]["Properties"]
    variables = {
        name: value
        for name, value in function["Environment"]["Variables"].items()
        if isinstance(value, str)  # others name resources
    }
    environment = {
        **variables,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        "LAMBDA_TASK_ROOT": str(bundle),
        "PORT": str(port),
        "AWS_REGION": "us-east-1",
    }
    process = subprocess.Popen([str(bundle / function["Handler"])], env=environment, cwd="/")
    try:
        eventually(lambda: _get(port, "/health"), what="the router")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def _get(port: int, path: str) -> Any:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return json.load(answer)
    except urllib.error.URLError:
        return None


def test_it_starts_is_ready_and_serves_the_table_that_was_deployed_with_it(port: int) -> None:
    assert _get(port, "/health")["environment"] == "local"
    names = {model["id"] for model in _get(port, "/v1/models")["data"]}
    assert {use_case.id for use_case in load_catalogue().use_cases} <= names
