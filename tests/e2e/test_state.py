"""What the deployed router keeps outside itself: the route table that changes without a deploy, limits per key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from lambdas.router.refreshed_table import EVERY_S
from tests.e2e.conftest import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e
USE_CASE = "query-enhancement"
ROUTER = "adept-local-router"
LIMIT = 3


def _ask(client: httpx.Client, **headers: str) -> httpx.Response:
    body = {"model": USE_CASE, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
    return client.post("/v1/chat/completions", json=body, headers=headers)


class Table:
    """The deployed table's object."""

    def __init__(self, system: System) -> None:
        stack = system.client("cloudformation").describe_stacks(StackName=ROUTER)["Stacks"][0]
        url = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "RouteTableUrl")
        bucket, _, key = url.removeprefix("s3://").partition("/")
        self._place = {"Bucket": bucket, "Key": key}
        self._s3 = system.client("s3")

    def get(self) -> dict[str, Any]:
        table: dict[str, Any] = json.loads(self._s3.get_object(**self._place)["Body"].read())
        return table

    def put(self, table: object) -> None:
        self._s3.put_object(**self._place, Body=json.dumps(table).encode())


@pytest.fixture
def table(system: System) -> Iterator[Table]:
    """As it was before, in the end."""
    table = Table(system)
    before = table.get()
    yield table
    table.put(before)


def test_a_table_that_is_put_there_changes_who_answers_without_a_deploy(system: System, table: Table) -> None:
    """Given an edited table in which the alternative goes first; then it answers. A broken table changes nothing."""
    edited = table.get()
    edited["use_cases"][USE_CASE]["candidates"].reverse()

    def answered_by(role: str) -> bool:
        return _ask(client).headers["x-adept-candidate"] == role

    with system.http() as client:
        assert answered_by("primary")
        table.put(edited)
        eventually(lambda: answered_by("alternative"), what="the edited table", timeout_s=4 * EVERY_S)
        table.put({"version": 99})
        eventually(
            lambda: answered_by("alternative") and "route_table_invalid" in _log(system),
            what="the broken table's refusal",
            timeout_s=4 * EVERY_S,
        )
        assert answered_by("alternative")


def _log(system: System) -> str:
    """What the embedded AWS's functions have written so far."""
    return "".join(path.read_text() for path in system.settings.log_dir.glob("lambda-*.log"))


def test_a_callers_trace_comes_back_through_the_gateway(system: System) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with system.http() as client:
        answer = _ask(client, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert answer.headers["traceresponse"].startswith(f"00-{trace}-")


@pytest.fixture
def limited(system: System) -> Iterator[System]:
    """An environment whose keys have limits; without them again in the end."""
    limits = {"requests_per_minute": LIMIT, "tokens_per_day": 100_000, "when_unavailable": "refuse"}
    done = system.release(system.synth({"stack": ROUTER, "key_limits": limits}), ROUTER)
    assert done.returncode == 0, done.stderr
    yield system
    done = system.release(system.synth({"stack": ROUTER}), ROUTER)
    assert done.returncode == 0, done.stderr


def test_a_keys_limits_hold_and_the_sdk_raises_its_own_error(limited: System) -> None:
    with limited.http() as client:
        answers = [_ask(client) for _ in range(2 * LIMIT)]
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(passed) + len(refused) == len(answers)
    assert LIMIT <= len(passed) <= 2 * LIMIT - 1  # a minute may have ended meanwhile
    assert passed[0].headers["x-ratelimit-limit-requests"] == str(LIMIT)
    assert int(refused[-1].headers["retry-after"]) <= 60
    assert refused[-1].json()["error"]["code"] == "rate_limit_exceeded"

    with pytest.raises(openai.RateLimitError) as raised:
        _ask_the_sdk(limited, times=2 * LIMIT)
    assert raised.value.code == "rate_limit_exceeded"


def _ask_the_sdk(system: System, times: int) -> None:
    url = f"{system.access.base_url}/v1"
    question: Any = [{"role": "user", "content": "hello"}]
    with openai.OpenAI(base_url=url, api_key=system.access.api_key, max_retries=0) as sdk:
        for _ in range(times):
            sdk.chat.completions.create(model=USE_CASE, messages=question, max_tokens=4)
