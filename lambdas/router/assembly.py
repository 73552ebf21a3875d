"""Puts the router together as both edges run it: the route table, SageMaker, limits, shared breakers, the log.

Environment: ROUTE_TABLE_PATH (the bundle's table, unless set), ROUTE_TABLE_URL (where newer ones are; absent: nowhere),
LIMITS_* (`limits/settings.py`; absent: none), BREAKERS_TABLE (where processes tell each other of candidates; absent:
they do not).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lambdas.router.aws.credentials import Credentials
from lambdas.router.log import StateLog, write_all
from lambdas.router.log_queue import Line
from lambdas.router.refreshed_table import RefreshedTable
from lambdas.router.route_table import RouteTable, RouteTableSource
from lambdas.router.route_table_source import read_bundled
from lambdas.router.sagemaker import SageMakerUpstream
from lambdas.router.service import Router
from lambdas.router.telemetry.request_line import Place, request_line
from lambdas.router.telemetry.shadow_line import shadow_line

if TYPE_CHECKING:  # most routers limit and share nothing, and need not load how
    from lambdas.router.asking.shared_breakers import ItemBreakers
    from lambdas.router.limits.key_limits import KeyLimits

_LIMITS = ("LIMITS_REQUESTS_PER_MINUTE", "LIMITS_TOKENS_PER_DAY")
_BUNDLE_ROOT = Path(__file__).resolve().parents[2]


class Assembly(NamedTuple):
    """A router, and what it was made of."""

    router: Router
    tables: RouteTableSource
    upstream: SageMakerUpstream
    limits: KeyLimits | None = None
    shared: ItemBreakers | None = None

    async def close(self) -> None:
        """Give up what runs besides requests, finish what is counted, and close the connections to SageMaker."""
        await self.router.close()
        if isinstance(self.tables, RefreshedTable):
            await self.tables.close()
        if self.limits is not None:
            await self.limits.close()
        if self.shared is not None:
            await self.shared.close()
        self.upstream.close()


def route_table_path() -> Path:
    """ROUTE_TABLE_PATH, else `route_table.json` at the root of the bundle."""
    return Path(os.environ.get("ROUTE_TABLE_PATH") or _BUNDLE_ROOT / "route_table.json")


def assemble(record: Callable[[Line], None] = lambda line: write_all([line()])) -> Assembly:
    """Opens no connection and holds no secret. `record` takes the log's lines.

    Raises RouteTableError, and ValueError for a variable that is wrong.
    """
    bundled, credentials = read_bundled(route_table_path()), Credentials()
    state = StateLog(bundled.environment)
    upstream = SageMakerUpstream(credentials)
    upstream.prepare()
    tables, limits = _tables(bundled, credentials, state), _limits(credentials, state)
    shared = _shared(credentials, state)
    place = Place(bundled.environment, lambda: upstream.address)
    router = Router(
        tables,
        upstream,
        observer=lambda trace: record(partial(request_line, trace, place)),
        shadow_observer=lambda shadow: record(partial(shadow_line, shadow, place)),
        shared_breakers=shared,
        limits=limits,
    )
    return Assembly(router, tables, upstream, limits, shared)


def _tables(bundled: RouteTable, credentials: Credentials, state: StateLog) -> RouteTableSource:
    url = os.environ.get("ROUTE_TABLE_URL")
    if not url:
        return bundled
    from lambdas.router.route_table_object import (
        TableObject,
    )  # where the table is the bundle's it only takes time

    return RefreshedTable(bundled, TableObject(url, credentials), state)


def _limits(credentials: Credentials, state: StateLog) -> KeyLimits | None:
    if not any(os.environ.get(name) for name in _LIMITS):
        return None
    from lambdas.router.limits.dynamodb import DynamoCounter
    from lambdas.router.limits.key_limits import KeyLimits
    from lambdas.router.limits.settings import read_limits

    settings = read_limits(os.environ)
    return KeyLimits(settings, DynamoCounter(settings.table, credentials), unavailable=state.uncounted)


def _shared(credentials: Credentials, state: StateLog) -> ItemBreakers | None:
    table = os.environ.get("BREAKERS_TABLE")
    if not table:
        return None
    from lambdas.router.asking.shared_breakers import ItemBreakers
    from lambdas.router.breaker_items import DynamoBreakerItems

    return ItemBreakers(DynamoBreakerItems(table, credentials), unavailable=state.unshared)
