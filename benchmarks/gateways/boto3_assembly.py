"""What the router would be on boto3: takes the place of `lambdas/router/assembly.py` in `benchmarks/cold_start.py`.

As one would write it: the client made while the process starts, calls in a thread, the client's retries switched off.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from lambdas.router.log import write_all
from lambdas.router.log_queue import Line
from lambdas.router.ports import Call
from lambdas.router.route_table import RouteTable
from lambdas.router.route_table_source import read_bundled
from lambdas.router.service import Router
from lambdas.router.telemetry.request_line import Place, request_line


class Boto3Upstream:
    """An `Upstream` over boto3, as far as a start and a good whole answer need it."""

    def __init__(self) -> None:
        config = Config(connect_timeout=3, read_timeout=60, retries={"total_max_attempts": 1})
        self._client: Any = boto3.client("sagemaker-runtime", config=config)

    async def invoke(self, call: Call, *, timeout_s: float) -> bytes:
        async with asyncio.timeout(timeout_s):
            return await asyncio.to_thread(self._invoke, call)

    async def stream(self, call: Call, **_limits_s: float) -> AsyncGenerator[bytes, None]:
        yield await asyncio.to_thread(self._invoke, call)

    def _invoke(self, call: Call) -> bytes:
        answer = self._client.invoke_endpoint(
            EndpointName=call.endpoint_name,
            TargetVariant=call.variant,
            ContentType="application/json",
            Body=call.body,
        )
        body: bytes = answer["Body"].read()
        return body


@dataclass(frozen=True)
class Assembly:
    """A router, and what it was made of."""

    router: Router
    tables: RouteTable

    async def close(self) -> None:
        await self.router.close()


def assemble(record: Callable[[Line], None] = lambda line: write_all([line()])) -> Assembly:
    """Raises RouteTableError."""
    table = read_bundled(Path(os.environ["ROUTE_TABLE_PATH"]))
    place = Place(table.environment, lambda: None)
    router = Router(
        table, Boto3Upstream(), observer=lambda trace: record(partial(request_line, trace, place))
    )
    return Assembly(router, table)
