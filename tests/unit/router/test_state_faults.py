"""The router as it is assembled, while DynamoDB or S3 fail in every way: what a caller gets, and what was asked."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from endpoints.local.ports import free_port
from lambdas.router.assembly import Assembly, assemble
from lambdas.router.messages import Request
from tests.unit.router.support import (
    FakeRuntime,
    Reply,
    WholeResponse,
    body_of,
    chat_request,
    completion,
    table_document,
)

COUNTED = json.dumps({"Attributes": {"count": {"N": "1"}}}).encode()


class Says(NamedTuple):
    """An answer of DynamoDB's or S3's. `silent`: the connection is closed without one."""

    body: bytes = COUNTED
    status: int = 200
    etag: str = ""
    pause_s: float = 0.0
    silent: bool = False


def error(code: str, status: int = 400) -> Says:
    return Says(json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}"}).encode(), status)


class FakeState:
    """DynamoDB and S3 on one loopback port. Remembers the ETags that S3 was asked with, and DynamoDB's inputs."""

    def __init__(self) -> None:
        self.dynamodb, self.s3 = Says(), Says(b"", 404)
        self.etags: list[str | None] = []
        self.inputs: list[dict[str, Any]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        state = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                state.inputs.append(json.loads(body))
                self._say(state.dynamodb)

            def do_GET(self) -> None:
                known = self.headers.get("If-None-Match")
                state.etags.append(known)
                self._say(state.s3 if known is None or known != state.s3.etag else Says(b"", 304))

            def _say(self, says: Says) -> None:
                if says.silent:
                    self.close_connection = True
                    return
                time.sleep(says.pause_s)
                self.send_response(says.status)
                self.send_header("ETag", says.etag)
                self.send_header("Content-Length", str(len(says.body)))
                self.end_headers()
                with suppress(OSError):  # the router takes no more of it than it must
                    self.wfile.write(says.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        return Handler


@pytest.fixture
def state(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeState]:
    """A router's whole environment: SageMaker answers well, limits are set, tables are looked for."""
    runtime.replies = {"primary": Reply((completion(),)), "alternative": Reply((completion("other"),))}
    path = tmp_path / "route_table.json"
    path.write_text(json.dumps(table_document()))
    fake = FakeState()
    for name, value in {
        "ROUTE_TABLE_PATH": str(path),
        "ROUTE_TABLE_URL": "s3://tables/route_table.json",
        "AWS_ENDPOINT_URL_DYNAMODB": fake.url,
        "AWS_ENDPOINT_URL_S3": fake.url,
        "LIMITS_TABLE": "counters",
        "LIMITS_REQUESTS_PER_MINUTE": "5",
        "LIMITS_TOKENS_PER_DAY": "10000",
    }.items():
        monkeypatch.setenv(name, value)
    yield fake
    fake.close()


def _ask(times: int = 1, pause_s: float = 0.0) -> list[WholeResponse]:
    """The answers to requests that come one after the other, `pause_s` apart."""

    async def story() -> list[WholeResponse]:
        assembly, answers = assemble(), []
        for _ in range(times):
            answers.append(await _answer(assembly, chat_request(caller="key-1")))
            await asyncio.sleep(pause_s)
        await assembly.close()
        return answers

    return asyncio.run(story())


async def _answer(assembly: Assembly, request: Request) -> WholeResponse:
    response, _ = await assembly.router.handle(request)
    return WholeResponse(response.status, await body_of(response), response.headers)


def _events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


OUTAGES = {
    "refused": None,
    "slow": Says(pause_s=0.8),
    "throttled": error("ProvisionedThroughputExceededException"),
    "no table": error("ResourceNotFoundException"),
    "denied": error("AccessDeniedException"),
    "broken": Says(b"", 500),
    "no JSON": Says(b"<html>", 200),
    "no count": Says(b'{"Attributes": []}'),
    "another count": Says(b'{"Attributes": {"count": {"N": "many"}}}'),
    "silent": Says(silent=True),
}

NO_TIME = Says(b'{"Item": {"open_until_ms": {"N": "soon"}}}')
NO_OUTAGE_HERE = ("slow", "no JSON", "no count", "another count")  # late, or no item: nobody said anything


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_counter_that_fails_lets_requests_pass_uncounted_and_says_so_once(
    outage: str, state: FakeState, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _break(state, outage, monkeypatch)
    answers = _ask(times=3)
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert not any(name.startswith("x-ratelimit") for answer in answers for name in answer.headers)
    told = [line for line in _events(capsys) if line["event"] == "limits_unavailable"]
    assert len(told) == 1
    assert told[0]["adept.limits.unavailable"] == 1


@pytest.mark.parametrize("outage", ["refused", "slow", "throttled", "silent"])
def test_or_refuses_them_where_the_environment_wants_that(
    outage: str, state: FakeState, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMITS_WHEN_UNAVAILABLE", "refuse")
    _break(state, outage, monkeypatch)
    began_s = time.monotonic()
    (refused,) = _ask()
    assert refused.status == 503
    assert json.loads(refused.body)["error"]["code"] == "limits_unavailable"
    assert refused.headers["retry-after"] == "2"
    assert runtime.requests == []
    assert time.monotonic() - began_s < 2.0


@pytest.mark.parametrize("outage", [*OUTAGES, "no time"])
def test_breakers_that_cannot_be_shared_cost_no_request_anything_and_that_is_said_once(
    outage: str, state: FakeState, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _share_only(monkeypatch)
    _break(state, outage, monkeypatch)
    began_s = time.monotonic()
    answers = _ask(times=2)
    assert [answer.status for answer in answers] == [200, 200]
    assert time.monotonic() - began_s < 2.0
    told = [line for line in _events(capsys) if line["event"] == "breakers_unshared"]
    assert len(told) == (0 if outage in NO_OUTAGE_HERE else 1)


def test_a_router_that_shares_asks_for_the_candidate_and_passes_it_over(
    state: FakeState, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given limits that are not set: sharing needs none."""
    _share_only(monkeypatch)
    item = {"open_until_ms": {"N": str(round(time.time() * 1000) + 60_000)}}
    state.dynamodb = Says(json.dumps({"Item": item}).encode())
    answers = _ask(times=2, pause_s=0.3)
    assert [answer.status for answer in answers] == [200, 200]
    assert [variant for _, variant, _ in runtime.requests] == ["primary", "alternative"]
    first, *_ = [each["Key"]["id"]["S"] for each in state.inputs]
    assert first.startswith("breaker#")
    assert first.endswith("#primary")


def _share_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIMITS_TABLE", "LIMITS_REQUESTS_PER_MINUTE", "LIMITS_TOKENS_PER_DAY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("BREAKERS_TABLE", "counters")


def _break(state: FakeState, outage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    says = {**OUTAGES, "no time": NO_TIME}[outage]
    if says is None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{free_port()}")
    else:
        state.dynamodb = says


def test_a_full_count_is_told_from_the_table_as_it_is(state: FakeState, runtime: FakeRuntime) -> None:
    item = {"id": {"S": "x"}, "count": {"N": "5"}}
    body = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": item}
    state.dynamodb = Says(json.dumps(body).encode(), 400)
    (refused,) = _ask()
    assert refused.status == 429
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert runtime.requests == []


def test_the_table_gets_the_callers_id_and_never_more(state: FakeState) -> None:
    _ask()
    keys = {each["Key"]["id"]["S"].rpartition("#")[2] for each in state.inputs}
    assert keys == {"key-1"}
    assert len(state.inputs) == 3  # both counts, and the settlement


def test_what_a_frozen_process_had_left_to_settle_is_settled_with_the_next_request(state: FakeState) -> None:
    """Given a loop that runs only while a request does, as a Lambda's; then no settlement is lost."""
    with asyncio.Runner() as runner:
        assembly = runner.run(_made())
        for _ in range(2):
            request = chat_request(caller="key-1")
            runner.run(assembly.router.handle(request, buffered=True))
        runner.run(assembly.close())
    amounts = [int(each["ExpressionAttributeValues"][":a"]["N"]) for each in state.inputs]
    settled = [amount for amount in amounts if amount < 0]
    assert len(settled) == 2
    assert sum(amount for amount in amounts if amount != 1) == 2 * 10  # what the engine counted, twice


async def _made() -> Assembly:
    return assemble()


def _swapped() -> bytes:
    """A table in which the primary is the other variant."""
    document = deepcopy(table_document())
    first, second = document["use_cases"]["query-enhancement"]["candidates"]
    first["variant"], second["variant"] = second["variant"], first["variant"]
    return json.dumps(document).encode()


def test_a_table_that_is_put_there_changes_who_is_asked(
    state: FakeState, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    state.s3 = Says(_swapped(), etag='"new"')
    answers = _ask(times=2, pause_s=0.3)
    assert [variant for _, variant, _ in runtime.requests] == ["primary", "alternative"]
    assert all(answer.status == 200 for answer in answers)
    assert "route_table_changed" in [line["event"] for line in _events(capsys)]


BAD_TABLES = {
    "denied": (
        Says(b"<Error><Code>AccessDenied</Code></Error>", 403),
        "route_table_unavailable",
        "AccessDenied",
    ),
    "missing": (Says(b"<Error><Code>NoSuchKey</Code></Error>", 404), "route_table_unavailable", "NoSuchKey"),
    "broken": (Says(b"", 503), "route_table_unavailable", "Http503"),
    "silent": (Says(silent=True), "route_table_unavailable", "ConnectionLost"),
    "malformed": (Says(b'{"version": 2, "use_cases":', etag='"x"'), "route_table_invalid", None),
    "of another version": (Says(b'{"version": 9}', etag='"x"'), "route_table_invalid", None),
    "huge": (Says(b"x" * (5 * 1024 * 1024)), "route_table_unavailable", "BadResponse"),
}


@pytest.mark.parametrize("fault", BAD_TABLES)
def test_a_table_that_cannot_be_had_or_used_costs_no_request(
    fault: str, state: FakeState, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    says, event, code = BAD_TABLES[fault]
    state.s3 = says
    answers = _ask(times=2, pause_s=0.3)
    assert [answer.status for answer in answers] == [200, 200]
    assert {variant for _, variant, _ in runtime.requests} == {"primary"}
    (told,) = [line for line in _events(capsys) if line["event"].startswith("route_table")]
    assert (told["event"], told.get("code")) == (event, code)


def test_a_slow_table_keeps_nobody_waiting(state: FakeState) -> None:
    state.s3 = Says(_swapped(), pause_s=1.0)
    began_s = time.monotonic()
    (answer,) = _ask()
    assert answer.status == 200
    assert time.monotonic() - began_s < 0.9
