"""Faults of streamed answers: before the first token, where another candidate may answer, and after it."""

from __future__ import annotations

import json

from tests.faults.before import BEFORE, FAILED, TIMED_OUT
from tests.faults.behaviours import (
    DONE,
    FINISH,
    LAST,
    TOKENS,
    exception,
    good_stream,
    http_chunk,
    part,
    stream_head,
    streams,
)
from tests.faults.fault import Fault, Kind
from tests.faults.upstream import Behaviour, End
from tests.unit.router.support import chunk, events, payload_part

_ERROR_EVENT = b'data: {"error": "gpu gone", "error_type": "generation"}\n\n'
_CORRUPT = http_chunk(payload_part(TOKENS[0])[:-1] + b"\0")
_NOISE = [b for _ in range(200) for b in (part(b": ping\n\n"), 0.05)]
_EMPTY = [b for _ in range(200) for b in (part(events(chunk(""), done=False)), 0.05)]
_PAUSE_S = 0.02
_APART_S = 0.15  # what comes together with the first token comes before the caller has it


def _early(
    name: str, *steps: bytes | float, says: str, kind: Kind = "broken", end: End = End.KEEP,
    again: bool = False, slow: bool = False,
) -> Fault:  # fmt: skip
    """Before the first token; the role has come."""
    status, code = (504, TIMED_OUT) if kind == "timeout" else (502, FAILED)
    return Fault(name, streams(*steps, end=end), kind, status, code, says, again=again, slow=slow)


def _late(
    name: str,
    *steps: bytes | float,
    says: str,
    kind: Kind = "broken",
    end: End = End.KEEP,
    slow: bool = False,
) -> Fault:
    """After the first token."""
    answer = streams(part(TOKENS[0]), _APART_S, *steps, end=end)
    return Fault(name, answer, kind, 200, "stream_interrupted", says, begun=True, slow=slow)


EARLY = (
    _early("no first token", says="first token", kind="timeout", end=End.HANG, slow=True),
    _early("nothing but comments", *_NOISE, says="first token", kind="timeout", end=End.HANG, slow=True),
    _early("nothing but empty deltas", *_EMPTY, says="first token", kind="timeout", end=End.HANG, slow=True),
    Fault(
        "no message after the head", Behaviour((stream_head(),), End.HANG), "timeout", 504, TIMED_OUT,
        "timeout (no", slow=True,
    ),
    _early("ends without a token", LAST, says="end marker"),
    _early("ends with the marker alone", part(DONE) + LAST, says="finish_reason"),
    _early("closed before a token", _PAUSE_S, says="was cut", end=End.CLOSE, again=True),
    _early("reset before a token", _PAUSE_S, says="was cut", end=End.RESET, again=True),
    _early("malformed event", part(b"data: {broken\n\n"), says="not valid JSON"),
    _early("event without choices", part(b"data: {}\n\n"), says="without choices"),
    _early("error event", part(_ERROR_EVENT + DONE) + LAST, says="gpu gone"),
    _early("an answer without a stream", part(json.dumps({"choices": []}).encode()) + LAST, says="end marker"),
    _early("checksum wrong", _CORRUPT, says="checksum"),
    _early("model stream error", exception("ModelStreamError", ErrorCode="StreamBroken"), says="ModelStreamError"),
    _early("internal stream failure", exception("InternalStreamFailure"), says="InternalStreamFailure"),
    _early(
        "eight minutes are over", exception("ModelStreamError", ErrorCode="ModelInvocationTimeExceeded"),
        says="ModelStreamError", kind="timeout",
    ),
    _early("cut within a message", http_chunk(payload_part(TOKENS[0])[:-4]) + LAST, says="cut within"),
    _early("malformed HTTP chunk", b"zz\r\n", says="cannot be read"),
    _early("an event without end", *[part(b"data: " + b"x" * 200_000)] * 6, says="more than"),
)  # fmt: skip

LATE = (
    _late("stalls", says="in time", kind="timeout", end=End.HANG, slow=True),
    _late("comments without end", *_NOISE, says="noise", kind="timeout", end=End.HANG, slow=True),
    _late(
        "words without end", *(s for _ in range(100) for s in (0.1, part(TOKENS[1]))), says="in time",
        kind="timeout", end=End.HANG, slow=True,
    ),
    _late("closed after a token", says="was cut", end=End.CLOSE),
    _late("reset after a token", says="was cut", end=End.RESET),
    _late("ends in order without its marker", part(TOKENS[1]) + LAST, says="end marker"),
    _late("finished but without its marker", part(FINISH) + LAST, says="end marker"),
    _late("its marker without a finish_reason", part(TOKENS[1] + DONE) + LAST, says="finish_reason"),
    _late("cut within an event", part(TOKENS[1][:20]) + LAST, says="end marker"),
    _late("malformed event after a token", part(b"data: {broken\n\n"), says="not valid JSON"),
    _late("error event after a token", part(_ERROR_EVENT + DONE) + LAST, says="gpu gone"),
    _late("aborted after a token", part(events(chunk("", "abort"))) + LAST, says="abort"),
    _late("checksum wrong after a token", _CORRUPT, says="checksum"),
    _late(
        "model stream error after a token", exception("ModelStreamError", ErrorCode="x"),
        says="ModelStreamError",
    ),
    _late("internal failure after a token", exception("InternalStreamFailure"), says="InternalStream"),
    _late("malformed HTTP chunk after a token", b"zz\r\n", says="cannot be read"),
    _late("goes on after its end", part(FINISH), _APART_S, part(TOKENS[1]), says="goes on"),
)  # fmt: skip

STREAMED = (*BEFORE, *EARLY, *LATE)
WELL_STREAMED = Fault("well", good_stream(), "none", 200, "", "")
