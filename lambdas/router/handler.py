"""The Lambda function: `lambdas.router.handler.handler`.

Environment: ROUTE_TABLE_PATH (default: `route_table.json` at the root of the bundle), AWS_REGION and the
role's credentials as Lambda sets them.
"""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from lambdas.router import log
from lambdas.router.errors import ApiError, internal_error, not_configured, render
from lambdas.router.messages import Response
from lambdas.router.proxy_event import from_response, to_request
from lambdas.router.route_table import RouteTableError, load_route_table
from lambdas.router.sagemaker import SageMakerUpstream
from lambdas.router.service import Router

_BUNDLE_ROOT = Path(__file__).resolve().parents[2]


class LambdaContext(Protocol):
    """What the router uses of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Answer one API Gateway event. Never raises: whatever happens ends in an answer of OpenAI's shape."""
    try:
        return from_response(_answer(event, context))
    except ApiError as error:
        return from_response(render(error))
    except RouteTableError as error:
        log.write(log.route_table_line(error))
        return from_response(render(not_configured()))
    except Exception as error:  # noqa: BLE001 - the last line: a bug must become a 500
        log.write(log.crash_line(_request_id(event), error))
        return from_response(render(internal_error()))


def _answer(event: dict[str, Any], context: LambdaContext | None) -> Response:
    started_s = time.monotonic()
    left_s = None if context is None else context.get_remaining_time_in_millis() / 1000
    response, trace = _router().handle(to_request(event), process_left_s=left_s)
    log.write(log.request_line(trace, response.status, (time.monotonic() - started_s) * 1000))
    return response


@cache
def _router() -> Router:
    """Made at the first request and kept. A failure is not kept: the next request tries again."""
    path = Path(os.environ.get("ROUTE_TABLE_PATH") or _BUNDLE_ROOT / "route_table.json")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RouteTableError((f"{path} cannot be read: {type(error).__name__}",)) from error
    return Router(load_route_table(text), SageMakerUpstream())


def _request_id(event: dict[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("requestId") or "")
