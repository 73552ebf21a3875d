"""The table that changes without a deploy: read beside the traffic, kept when what there is cannot be used."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from itertools import pairwise
from typing import NamedTuple

import pytest

from lambdas.router.assembly import Assembly
from lambdas.router.aws.credentials import Credentials
from lambdas.router.http.request_reader import RawRequest
from lambdas.router.refreshed_table import EVERY_S, RefreshedTable, TableUnavailable
from lambdas.router.route_table import RouteTableError
from lambdas.router.route_table_object import TableObject
from lambdas.router.sagemaker import SageMakerUpstream
from lambdas.router.service import Router
from lambdas.router.web import RouterApp
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import chat_body, completion, table, table_document
from tests.unit.router.virtual import now_s, run_virtual


class Version(NamedTuple):
    text: bytes
    etag: str


class Source:
    """A source that a test fills. `takes_s`: how long a look takes. Remembers the ETags that were known."""

    def __init__(self) -> None:
        self.has: Version | Exception | None = None
        self.takes_s = 1.0
        self.known: list[str | None] = []
        self.looked_at_s: list[float] = []

    async def fetch(self, etag: str | None) -> Version | None:
        self.known.append(etag)
        self.looked_at_s.append(now_s())
        await asyncio.sleep(self.takes_s)
        if isinstance(self.has, Exception):
            raise self.has
        return None if self.has is None or self.has.etag == etag else self.has

    def close(self) -> None:
        """Nothing is open."""


class Reports:
    """What was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def changed(self, etag: str) -> None:
        self.told.append(f"changed {etag}")

    def unavailable(self, code: str) -> None:
        self.told.append(f"unavailable {code}")

    def invalid(self, etag: str, error: RouteTableError) -> None:
        assert error.faults
        self.told.append(f"invalid {etag}")


class World:
    def __init__(self) -> None:
        self.source, self.reports = Source(), Reports()
        self.tables = RefreshedTable(table(), self.source, self.reports, clock=now_s)

    @property
    def timeout_ms(self) -> int:
        """What a request finds now."""
        return self.tables.current().routes["query-enhancement"].limits.timeout_ms

    async def requests_for(self, seconds: float) -> None:
        """Somebody asks every second."""
        for _ in range(int(seconds)):
            self.tables.current()
            await asyncio.sleep(1)


def version(etag: str, timeout_ms: int, environment: str = "test") -> Version:
    document = deepcopy(table_document())  # its parts are shared
    document["environment"] = environment
    document["use_cases"]["query-enhancement"]["limits"]["timeout_ms"] = timeout_ms
    return Version(json.dumps(document).encode(), etag)


def test_a_request_takes_the_table_that_is_there_and_waits_for_none() -> None:
    async def story() -> None:
        world = World()
        world.source.has, world.source.takes_s = version("b", 5_000), 60.0
        assert world.timeout_ms == 20_000  # the bundle's
        assert now_s() == 0
        await asyncio.sleep(59)
        assert world.timeout_ms == 20_000
        await asyncio.sleep(2)
        assert world.timeout_ms == 5_000
        assert world.reports.told == ["changed b"]

    run_virtual(story())


def test_it_looks_no_more_often_than_it_should_and_not_at_all_while_nobody_asks() -> None:
    async def story() -> None:
        world = World()
        world.source.has = version("a", 5_000)
        await world.requests_for(60)
        gaps = [later - earlier for earlier, later in pairwise(world.source.looked_at_s)]
        assert min(gaps) >= EVERY_S
        looks = len(world.source.known)
        await asyncio.sleep(600)
        assert len(world.source.known) == looks
        assert world.source.known[:2] == [None, "a"]

    run_virtual(story())


def test_many_requests_at_once_look_once() -> None:
    async def story() -> None:
        world = World()
        for _ in range(100):
            world.tables.current()
        await asyncio.sleep(2)
        assert len(world.source.known) == 1

    run_virtual(story())


def test_the_first_look_waits_for_the_first_request_and_no_health_check_is_one() -> None:
    """Given Lambda's adapter, which asks for the health while the process starts, then no call is made yet."""

    async def story() -> None:
        world = World()
        router = Router(world.tables, FakeUpstream(primary=completion()), clock=now_s)
        app = RouterApp(lambda _: Assembly(router, world.tables, SageMakerUpstream()))
        assert (await app.answer(RawRequest("GET", "/health", {}, b""))).status == 200
        assert app.app().max_body_bytes() > 0
        await asyncio.sleep(0)
        assert world.source.known == []
        asked = RawRequest("POST", "/v1/chat/completions", {}, json.dumps(chat_body()).encode())
        assert (await app.answer(asked)).status == 200
        await asyncio.sleep(0)
        assert world.source.known == [None]
        await world.tables.close()

    run_virtual(story())


@pytest.mark.parametrize(
    "bad",
    [
        Version(b"", "bad"),
        Version(b"\xff\xfe{", "bad"),
        Version(b'{"version": 3}', "bad"),
        Version(b"[" * 100_000, "bad"),
        version("bad", 5_000, environment="production"),
    ],
)
def test_a_table_that_cannot_be_used_changes_nothing_is_told_once_and_the_next_good_one_counts(
    bad: Version,
) -> None:
    async def story() -> None:
        world = World()
        world.source.has = bad
        await world.requests_for(60)
        assert world.timeout_ms == 20_000
        assert world.reports.told == ["invalid bad"]
        world.source.has = version("good", 5_000)
        await world.requests_for(20)
        assert world.timeout_ms == 5_000
        assert world.reports.told == ["invalid bad", "changed good"]

    run_virtual(story())


def test_the_same_table_under_another_etag_is_no_change() -> None:
    async def story() -> None:
        world = World()
        world.source.has = version("again", 20_000)
        await world.requests_for(5)
        assert world.reports.told == []

    run_virtual(story())


def test_while_there_is_nothing_to_be_had_it_looks_more_rarely_and_tells_each_cause_once() -> None:
    async def story() -> None:
        world = World()
        world.source.has = TableUnavailable("AccessDenied")
        await world.requests_for(1000)
        assert world.timeout_ms == 20_000
        assert world.reports.told == ["unavailable AccessDenied"]
        assert len(world.source.known) <= 7  # after 20, 40, 80, 160, 300, 300 s
        world.source.has = ValueError("a bug")
        await world.requests_for(400)
        world.source.has = version("b", 5_000)
        await world.requests_for(400)
        assert world.timeout_ms == 5_000
        assert world.reports.told == ["unavailable AccessDenied", "unavailable ValueError", "changed b"]

    run_virtual(story())


def test_closing_gives_up_the_look_that_is_under_way() -> None:
    async def story() -> None:
        world = World()
        world.source.takes_s = 1000.0
        world.tables.current()
        await asyncio.sleep(1)
        await world.tables.close()
        assert now_s() < 2

    run_virtual(story())


@pytest.mark.parametrize(
    "url", ["", "https://x/y", "s3://", "s3://bucket", "s3://bucket/a b", "s3://bucket/a?b", "s3:///k"]
)
def test_what_is_no_object_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="ROUTE_TABLE_URL"):
        TableObject(url, Credentials())
