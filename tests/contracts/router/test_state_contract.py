"""The router's state in AWS, over its own client: counts in DynamoDB, the route table in S3. No SDK in between."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Iterator
from copy import deepcopy
from typing import Any, TypeVar

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from endpoints.local.clients import client_environment
from infra.router_limits import BREAKER, EXPIRES_AT, KEY
from lambdas.router import breaker_items
from lambdas.router.asking.shared_breakers import ItemBreakers, ItemsUnavailable
from lambdas.router.aws.credentials import Credentials
from lambdas.router.aws.dynamodb import headers
from lambdas.router.breaker_items import DynamoBreakerItems, reading, writing
from lambdas.router.errors import ApiError
from lambdas.router.failures import FaultSource, UpstreamError
from lambdas.router.limits.dynamodb import DynamoCounter, addition
from lambdas.router.limits.key_limits import CounterUnavailable, KeyLimits
from lambdas.router.limits.settings import LimitSettings
from lambdas.router.limits.window import requests_of_a_minute, tokens_of_a_day
from lambdas.router.log import StateLog
from lambdas.router.refreshed_table import RefreshedTable, TableUnavailable
from lambdas.router.route_table_object import TableObject
from lambdas.router.route_table_reader import parse_route_table
from lambdas.router.service import Router
from tests.contracts.ministack.running import Running, embedded_aws
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import chat_request, completion, table_document

T = TypeVar("T")
NOW_S = 1_795_705_948.0  # 2026-11-26T15:12:28Z
URL = "s3://route-tables/route_table.json"
PRIMARY = ("adept-test-query-enhancement", "primary")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with embedded_aws(tmp_path_factory.mktemp("aws")) as running:
        running.client("dynamodb").create_table(
            TableName="counters",
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        running.client("s3").create_bucket(Bucket="route-tables")
        yield running


@pytest.fixture(autouse=True)
def _as_in_lambda(aws: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in client_environment(aws.settings).items():
        monkeypatch.setenv(name, value)


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _item(aws: Running, item_id: str) -> dict[str, Any]:
    answer = aws.client("dynamodb").get_item(TableName="counters", Key={KEY: {"S": item_id}})
    item: dict[str, Any] = answer.get("Item", {})
    return item


@pytest.mark.parametrize("most", [None, 10, 0])
def test_what_is_sent_is_what_the_service_model_takes(most: int | None) -> None:
    """botocore's own model and validator: names, types, and that nothing else is there."""
    _check("UpdateItem", addition("counters", requests_of_a_minute(5).at("a", NOW_S), 1, most))


def test_so_is_what_tells_and_asks_of_a_breaker() -> None:
    _check("UpdateItem", writing("counters", PRIMARY, NOW_S))
    _check("GetItem", reading("counters", PRIMARY))
    assert reading("counters", PRIMARY)["Key"][KEY]["S"].startswith(BREAKER)  # what the role may read
    assert (breaker_items.KEY, breaker_items.EXPIRES_AT) == (KEY, EXPIRES_AT)


def _check(name: str, request: dict[str, Any]) -> None:
    operation = Session().get_service_model("dynamodb").operation_model(name)
    assert operation.input_shape is not None
    assert not ParamValidator().validate(request, operation.input_shape).has_errors()
    assert set(request) <= set(operation.input_shape.members)
    assert operation.http["requestUri"] == "/"
    metadata = operation.service_model.metadata
    target = f"{metadata['targetPrefix']}.{name}"
    assert dict(headers(name)) == {
        "content-type": f"application/x-amz-json-{metadata['jsonVersion']}",
        "x-amz-target": target,
    }


def test_an_addition_is_done_whole_or_not_at_all_and_tells_the_count(aws: Running) -> None:
    async def story() -> None:
        counter = DynamoCounter("counters", Credentials())
        bucket = tokens_of_a_day(100).at("one", NOW_S)
        assert await counter.add(bucket, 60, 100, 5) == (True, 60)
        assert await counter.add(bucket, 41, 100, 5) == (False, 60)
        assert await counter.add(bucket, 40, 100, 5) == (True, 100)
        assert await counter.add(bucket, -90, None, 5) == (True, 10)  # a settlement has no bound
        unknown = tokens_of_a_day(100).at("nobody", NOW_S)
        assert await counter.add(unknown, 101, 100, 5) == (False, 0)
        counter.close()

    _run(story())
    assert _item(aws, "tokens#2026-11-26#one") == {
        KEY: {"S": "tokens#2026-11-26#one"},
        "count": {"N": "10"},
        EXPIRES_AT: {"N": str(1_795_737_600 + 3600)},  # midnight UTC and an hour
    }
    assert _item(aws, "tokens#2026-11-26#nobody") == {}


def test_requests_at_the_same_time_never_exceed_a_limit_together(aws: Running) -> None:
    """Given 40 requests at once, of two processes, for a limit of 25; then 25 pass, and the count says 25."""

    async def outcome(limits: KeyLimits) -> str:
        try:
            await limits.admit("busy", 400, 100)
        except ApiError as error:
            return error.code or ""
        return "passed"

    async def story() -> list[str]:
        settings = LimitSettings("counters", 25, 1_000_000, refuse_uncounted=True)
        processes = [
            KeyLimits(settings, DynamoCounter("counters", Credentials()), wall=lambda: NOW_S)
            for _ in range(2)
        ]
        outcomes = await asyncio.gather(*(outcome(processes[number % 2]) for number in range(40)))
        for process in processes:
            await process.close()
        return outcomes

    assert Counter(_run(story())) == {"passed": 25, "rate_limit_exceeded": 15}
    assert _item(aws, "requests#2026-11-26T15:12#busy")["count"] == {"N": "25"}
    # What the refused ones had reserved was given back.
    assert _item(aws, "tokens#2026-11-26#busy")["count"] == {"N": str(25 * 200)}


def test_a_table_that_is_not_there_counts_nothing_and_says_why() -> None:
    async def story() -> None:
        counter = DynamoCounter("elsewhere", Credentials())
        with pytest.raises(CounterUnavailable, match="ResourceNotFoundException"):
            await counter.add(requests_of_a_minute(5).at("a", NOW_S), 1, 5, 5)
        counter.close()

    _run(story())


def test_of_two_times_that_processes_say_the_later_one_stays(aws: Running) -> None:
    key = ("endpoint", "variant")

    async def story() -> list[float]:
        items = DynamoBreakerItems("counters", Credentials())
        seen = [await items.read(key, 5)]
        for until_s in (NOW_S + 5, NOW_S + 2.5, NOW_S + 10.125):
            await items.write(key, until_s, 5)
            seen.append(await items.read(key, 5))
        items.close()
        return seen

    assert _run(story()) == [0, NOW_S + 5, NOW_S + 5, NOW_S + 10.125]
    assert _item(aws, "breaker#endpoint#variant") == {
        KEY: {"S": "breaker#endpoint#variant"},
        "open_until_ms": {"N": str(round((NOW_S + 10.125) * 1000))},
        EXPIRES_AT: {"N": str(int(NOW_S) + 11 + 3600)},
    }


def test_a_breaker_in_a_table_that_is_not_there_is_neither_told_nor_known() -> None:
    async def story() -> None:
        items = DynamoBreakerItems("elsewhere", Credentials())
        with pytest.raises(ItemsUnavailable, match="ResourceNotFoundException"):
            await items.write(PRIMARY, NOW_S, 5)
        with pytest.raises(ItemsUnavailable, match="ResourceNotFoundException"):
            await items.read(PRIMARY, 5)
        items.close()

    _run(story())


def test_a_candidate_that_one_router_found_failing_another_passes_over(aws: Running) -> None:
    """Given two processes' routers with nothing in common but the table, and a primary that fails for one of them."""

    async def story() -> list[str | None]:
        shared = [ItemBreakers(DynamoBreakerItems("counters", Credentials())) for _ in range(2)]
        good, broken = completion(), UpstreamError(FaultSource.SERVICE, "m", code="ModelError", status=500)
        first = _router(FakeUpstream(primary=broken, alternative=good), shared[0])
        for _ in range(4):
            await _answered_by(first)
        await asyncio.gather(*shared[0]._tasks)
        second = _router(FakeUpstream(primary=good, alternative=good), shared[1])
        answered = [await _answered_by(second)]
        await asyncio.gather(*shared[1]._tasks)
        answered += [await _answered_by(second) for _ in range(2)]
        for each in shared:
            await each.close()
        return answered

    assert _run(story()) == ["primary", "alternative", "alternative"]
    assert "open_until_ms" in _item(aws, "#".join(("breaker", *PRIMARY)))


def _router(upstream: FakeUpstream, shared: ItemBreakers) -> Router:
    return Router(parse_route_table(table_document()), upstream, shared_breakers=shared)


async def _answered_by(router: Router) -> str | None:
    response, _ = await router.handle(chat_request())
    return response.headers.get("x-adept-candidate")


def _put(aws: Running, text: str) -> str:
    answer = aws.client("s3").put_object(Bucket="route-tables", Key="route_table.json", Body=text.encode())
    return str(answer["ETag"])


def _with_timeout(timeout_ms: int) -> str:
    document = deepcopy(table_document())  # its parts are shared
    document["use_cases"]["query-enhancement"]["limits"]["timeout_ms"] = timeout_ms
    return json.dumps(document)


def test_the_tables_object_is_fetched_once_for_each_of_its_versions(aws: Running) -> None:
    async def story() -> None:
        source = TableObject(URL, Credentials())
        etag = _put(aws, "first")
        first = await source.fetch(None)
        assert first is not None
        assert (first.text, first.etag) == (b"first", etag)
        assert await source.fetch(etag) is None
        _put(aws, "second")
        second = await source.fetch(etag)
        assert second is not None
        assert second.text == b"second"
        source.close()
        nothing = TableObject("s3://route-tables/elsewhere.json", Credentials())
        with pytest.raises(TableUnavailable, match="NoSuchKey"):
            await nothing.fetch(None)
        nothing.close()

    _run(story())


def test_a_table_that_is_put_there_is_in_force_without_a_deploy_and_a_bad_one_is_not(
    aws: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    async def timeout_ms(tables: RefreshedTable) -> int:
        """What a request finds after the look that the request before it began."""
        tables.current()
        while tables._look is not None:
            await asyncio.sleep(0.01)
        return tables.current().routes["query-enhancement"].limits.timeout_ms

    async def story() -> list[int]:
        bundled = parse_route_table(table_document())
        state = StateLog("test")
        tables = RefreshedTable(bundled, TableObject(URL, Credentials()), state, every_s=0.001)
        seen = []
        for text in (_with_timeout(7_000), '{"version": 2}', _with_timeout(9_000)):
            _put(aws, text)
            seen.append(await timeout_ms(tables))
        await tables.close()
        return seen

    assert _run(story()) == [7_000, 7_000, 9_000]
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events == ["route_table_changed", "route_table_invalid", "route_table_changed"]
