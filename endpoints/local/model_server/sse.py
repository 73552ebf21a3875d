"""Server-sent events, as axum frames them."""

from __future__ import annotations

import json
from typing import Any, Final

DONE: Final = b"data: [DONE]\n\n"


def event(document: Any) -> bytes:
    """One event with a JSON document as its data."""
    return b"data: " + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
