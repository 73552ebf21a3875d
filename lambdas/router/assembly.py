"""Puts the router together as both edges run it: the route table, SageMaker, the log."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lambdas.router import log
from lambdas.router.log_queue import Line
from lambdas.router.route_table import RouteTableSource
from lambdas.router.route_table_source import read_bundled
from lambdas.router.sagemaker import SageMakerUpstream
from lambdas.router.service import Router

_BUNDLE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Assembly:
    """A router, and what it was made of."""

    router: Router
    tables: RouteTableSource
    upstream: SageMakerUpstream


def route_table_path() -> Path:
    """ROUTE_TABLE_PATH, else `route_table.json` at the root of the bundle."""
    return Path(os.environ.get("ROUTE_TABLE_PATH") or _BUNDLE_ROOT / "route_table.json")


def assemble(record: Callable[[Line], None] = lambda line: log.write(line())) -> Assembly:
    """Opens no connection and holds no secret. `record` takes the log's lines. Raises RouteTableError."""
    tables, upstream = read_bundled(route_table_path()), SageMakerUpstream()
    upstream.prepare()
    router = Router(
        tables,
        upstream,
        observer=lambda trace: record(partial(log.request_line, trace)),
        shadow_observer=lambda shadow: record(partial(log.shadow_line, shadow)),
    )
    return Assembly(router, tables, upstream)
