"""What API Gateway says about a request beside HTTP itself: its `requestContext`. Pure, but for the clock.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from lambdas.router.deadline import GATEWAY_LIMIT_S
from lambdas.router.routing import is_known


def request_id_of(context: object) -> str | None:
    """API Gateway's id of the request. Takes anything."""
    given = context.get("requestId") if isinstance(context, dict) else None
    return str(given) if given else None


def caller_of(context: Mapping[str, Any]) -> str | None:
    """A stable id of who calls: the API key's id, the authorizer's name for the key, or the IAM principal.

    Never the key itself.
    """
    identity, authorizer = _part(context, "identity"), _part(context, "authorizer")
    caller = identity.get("apiKeyId") or authorizer.get("caller") or identity.get("userArn")
    return str(caller) if caller else None


def without_stage(path: str, context: Mapping[str, Any]) -> str:
    """Some callers (test consoles, custom domains, emulators) leave the stage in the path."""
    stage = str(context.get("stage") or "")
    shorter = path.removeprefix(f"/{stage}")
    return shorter if stage and not is_known(path) and is_known(shorter) else path


def waited_s(context: Mapping[str, Any]) -> float:
    """Seconds since API Gateway took the request, most of all those of a cold start; 0 where that cannot be."""
    received_epoch_ms = context.get("requestTimeEpoch")
    if not isinstance(received_epoch_ms, int):
        return 0.0
    waited = time.time() - received_epoch_ms / 1000
    return waited if 0 < waited < GATEWAY_LIMIT_S else 0.0  # two clocks, or a recorded event


def _part(context: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = context.get(name)
    return part if isinstance(part, dict) else {}
