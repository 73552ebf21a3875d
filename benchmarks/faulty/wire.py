"""The same answers, errors and streams in two protocols: SageMaker's runtime and an OpenAI server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum

from tests.faults.behaviours import LAST, engine, head, http_chunk, stream_head
from tests.faults.upstream import Behaviour, End
from tests.unit.router.support import completion, payload_part

_JSON = {"content-type": "application/json"}


class Wire(Enum):
    """How a candidate is spoken to."""

    SAGEMAKER = "SageMaker"
    OPENAI = "OpenAI"


def whole(body: bytes, *, length: int | None = None, end: End = End.KEEP) -> Behaviour:
    """Status 200. `length`: the one that the head tells."""
    return Behaviour((head(200, _JSON, len(body) if length is None else length) + body,), end)


def answer(text: str) -> Behaviour:
    """A chat completion."""
    return whole(completion(text, id="chatcmpl-1"))


def refusal(wire: Wire, status: int, error: Mapping[str, object], headers: Mapping[str, str]) -> Behaviour:
    """A model server's error; SageMaker wraps it into a ModelError."""
    body = json.dumps({"error": error})
    if wire is Wire.SAGEMAKER:
        return engine(status, body, headers)
    raw = body.encode()
    return Behaviour((head(status, {**_JSON, **headers}, len(raw)) + raw,))


def stream(wire: Wire, *steps: bytes | float, end: End = End.KEEP, ends: bool = True) -> Behaviour:
    """A model server's stream from its head on: bytes of it, and pauses. `ends`: as HTTP says that bodies end."""
    sagemaker = wire is Wire.SAGEMAKER
    begin = stream_head() if sagemaker else head(200, {"content-type": "text/event-stream"}, None)
    pieces = [
        http_chunk(payload_part(step) if sagemaker else step) if isinstance(step, bytes) else step
        for step in steps
    ]
    return Behaviour((begin, *pieces, *([LAST] if ends else [])), end)
