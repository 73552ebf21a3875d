"""OpenAI's official SDKs for Python and Node, unmodified, against the deployed stack: nobody here wrote them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from endpoints.catalogue import load_catalogue
from endpoints.local.fault_route import FAULTS_PATH
from endpoints.naming import endpoint_name
from tests.e2e.conftest import ROOT, System
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("sdk", ["python", "node"])]
# It borrows no candidate, so a fault of its endpoint is one of all; and no test that follows asks it, because its
# breakers stay open for a while.
FAULTY_USE_CASE = "market-intelligence"
COMMANDS = {
    "python": (sys.executable, "-m", "tests.e2e.python_sdk"),
    "node": ("node", str(Path(__file__).with_name("openai_sdk.mjs"))),
}


def _play(system: System, sdk: str, scenario: str, **environ: str) -> dict[str, Any]:
    """What came of a scenario, in a process of its own, so that no test's loop or proxy reaches into it."""
    done = subprocess.run(
        [*COMMANDS[sdk], scenario],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "OPENAI_BASE_URL": f"{system.access.base_url}/v1",
            "OPENAI_API_KEY": str(system.access.api_key),
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def test_a_whole_answer(system: System, sdk: str) -> None:
    outcome = _play(system, sdk, "whole")
    assert outcome["text"]
    assert outcome["ending"] in ("stop", "length")
    assert 0 < outcome["tokens"] <= 8
    assert outcome["candidate"] == "primary"


def test_a_streamed_answer_with_its_usage(system: System, sdk: str) -> None:
    outcome = _play(system, sdk, "streamed")
    assert outcome["text"]
    assert outcome["chunks"] > 2
    assert outcome["ending"] in ("stop", "length")
    assert 0 < outcome["tokens"] <= 8


def test_a_tool_call_and_the_answer_to_its_result(system: System, sdk: str) -> None:
    outcome = _play(system, sdk, "tools")
    assert outcome["name"] == "find_candidates"
    assert isinstance(outcome["arguments"]["skill"], str)
    assert outcome["id"]
    assert outcome["ending"] == "tool_calls"
    assert outcome["text"]


def test_a_streamed_tool_call_is_put_together_by_the_sdk(system: System, sdk: str) -> None:
    outcome = _play(system, sdk, "tools_streamed")
    assert outcome["name"] == "find_candidates"
    assert isinstance(outcome["arguments"]["skill"], str)
    assert outcome["ending"] == "tool_calls"


@pytest.mark.parametrize(
    ("scenario", "kind", "status", "code", "param"),
    [
        ("unknown_model", "NotFoundError", 404, "model_not_found", "model"),
        ("wrong_key", "AuthenticationError", 401, "invalid_api_key", None),
        ("bad_value", "BadRequestError", 400, "invalid_value", "temperature"),
    ],
)
def test_a_mistake_raises_the_sdks_own_error(
    system: System, sdk: str, scenario: str, kind: str, status: int, code: str, param: str | None
) -> None:
    outcome = _play(system, sdk, scenario)
    assert (outcome["kind"], outcome["status"], outcome["code"]) == (kind, status, code)
    assert outcome["param"] == param
    assert outcome["message"]


@pytest.fixture
def faulty(system: System, request: pytest.FixtureRequest) -> Iterator[None]:
    """Every container of the use case has a fault."""
    containers = [
        {"fault": request.param, "endpoint": endpoint_name("local", FAULTY_USE_CASE), "running": True}
    ]
    url = f"{system.settings.endpoint_url}{FAULTS_PATH}"
    with httpx.Client(trust_env=False) as client:
        assert client.put(url, json={"containers": containers}).is_success
        yield
        assert client.delete(url).is_success


@pytest.mark.parametrize("scenario", ["failed", "failed_streamed"])
@pytest.mark.parametrize(
    ("faulty", "kind", "code"),
    [
        ("overloaded", "RateLimitError", "candidates_overloaded"),
        ("server-error", "InternalServerError", "candidates_failed"),
    ],
    indirect=["faulty"],
)
@pytest.mark.usefixtures("faulty")
def test_models_that_fail_raise_the_sdks_own_error(
    system: System, sdk: str, scenario: str, kind: str, code: str
) -> None:
    outcome = _play(system, sdk, scenario, MODEL=FAULTY_USE_CASE)
    assert (outcome["kind"], outcome["code"]) == (kind, code)
    assert "injected fault" in outcome["message"]


def test_a_caller_who_aborts_within_a_stream_ends_the_models_work(system: System, sdk: str) -> None:
    """Given a long stream, when the SDK's user stops it at its first piece, then the router's log says: gone."""
    use_case = max(load_catalogue().use_cases, key=lambda each: each.limits.max_output_tokens)
    most = str(use_case.limits.max_output_tokens)
    outcome = _play(system, sdk, "aborted", MODEL=use_case.id, MAX_TOKENS=most)
    assert outcome["chunks"] == 1

    def is_gone() -> bool:
        lines = [
            line
            for path in system.settings.log_dir.glob("lambda-*.log")
            for line in path.read_text().splitlines()
        ]
        mine = [line for line in lines if str(outcome["request_id"]) in line and '"event":"request"' in line]
        return any('"ended":"gone"' in line for line in mine)

    eventually(is_gone, what="the end of the model's work")
