"""Puts the router together as both edges run it: the route table, SageMaker, the log."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lambdas.router import log
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


def assemble() -> Assembly:
    """Opens no connection and holds no secret. Raises RouteTableError."""
    tables, upstream = read_bundled(route_table_path()), SageMakerUpstream()
    upstream.prepare()
    router = Router(
        tables,
        upstream,
        observer=lambda trace: log.write(log.request_line(trace)),
        shadow_observer=lambda record: log.write(log.shadow_line(record)),
    )
    return Assembly(router, tables, upstream)
