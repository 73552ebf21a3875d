"""The Lambda function: `lambdas.router.handler.handler`.

Environment: ROUTE_TABLE_PATH (default: `route_table.json` at the root of the bundle), AWS_REGION and the
role's credentials as Lambda sets them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any, Protocol

from lambdas.router import log
from lambdas.router.assembly import Assembly, assemble
from lambdas.router.errors import ApiError, internal_error, not_configured, render
from lambdas.router.proxy_event import from_response, request_id_of, to_request
from lambdas.router.route_table import RouteTableError


class LambdaContext(Protocol):
    """What the router uses of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Answer one API Gateway event. Never raises: whatever happens ends in an answer of OpenAI's shape."""
    request_id = request_id_of(event)
    try:
        return _answer(event, request_id, context)
    except RouteTableError as error:
        log.write(log.route_table_line(request_id, error))
        return _failed(not_configured(), request_id)
    except Exception as error:  # noqa: BLE001 - the last line: a bug must become a 500
        log.write(log.crash_line(request_id, error))
        return _failed(internal_error(), request_id)


def _answer(event: dict[str, Any], request_id: str, context: LambdaContext | None) -> dict[str, Any]:
    router = _assembly().router
    left_s = None if context is None else context.get_remaining_time_in_millis() / 1000
    work = router.handle(to_request(event, request_id), process_left_s=left_s, buffered=True)
    response, _ = _runner().run(work)
    return from_response(response)


@cache
def _runner() -> asyncio.Runner:
    """One event loop for all requests, because connections belong to their loop."""
    return asyncio.Runner()


def _failed(error: ApiError, request_id: str) -> dict[str, Any]:
    error.headers["x-request-id"] = request_id
    return from_response(render(error))


@cache
def _assembly() -> Assembly:
    """Made once and kept. A failure is not kept: the next request tries again."""
    return assemble()


# While Lambda initialises it gives a function full CPU, and no caller's time runs yet. What is wrong with the table
# or the environment is logged and told when a request comes.
with suppress(RouteTableError, ValueError):
    _assembly()
