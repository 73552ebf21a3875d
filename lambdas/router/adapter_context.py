"""What the Lambda Web Adapter says about a request, in two headers of JSON.

`x-amzn-request-context` is API Gateway's `requestContext`, `x-amzn-lambda-context` Lambda's own context object. The
adapter sets both on every request, so that under it no client can forge them; anywhere else they are a client's, and
not to be believed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

REQUEST_CONTEXT = "x-amzn-request-context"
LAMBDA_CONTEXT = "x-amzn-lambda-context"


class AdapterContext(NamedTuple):
    """`gateway` is empty, and `process_left_s` None, where nothing is known."""

    gateway: Mapping[str, Any]
    process_left_s: float | None


UNKNOWN = AdapterContext({}, None)


def is_in_lambda() -> bool:
    """Whether this process is under the adapter."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def read_adapter_context(headers: Mapping[str, str]) -> AdapterContext:
    """Read both headers, in Lambda; whatever cannot be read counts as not said."""
    gateway, lambda_ = _document(headers, REQUEST_CONTEXT), _document(headers, LAMBDA_CONTEXT)
    return AdapterContext(gateway, _left_s(lambda_.get("deadline")))


def _document(headers: Mapping[str, str], name: str) -> Mapping[str, Any]:
    try:
        document = json.loads(headers.get(name, "{}"))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _left_s(deadline_epoch_ms: object) -> float | None:
    """Seconds until Lambda ends this invocation."""
    if isinstance(deadline_epoch_ms, bool) or not isinstance(deadline_epoch_ms, int | float):
        return None
    return max(0.0, deadline_epoch_ms / 1000 - time.time())
