"""Faults of whole answers."""

from __future__ import annotations

import json

from tests.faults.before import BEFORE, FAILED, TIMED_OUT
from tests.faults.behaviours import head, whole
from tests.faults.fault import Fault
from tests.faults.upstream import Behaviour, End
from tests.unit.router.support import completion

_COMPLETE = completion("the whole answer")
_TOO_LARGE = b'"' + b"x" * 2_000_000 + b'"'
_TRICKLE: tuple[bytes | float, ...] = (b" ", 0.05) * 100
_JSON = {"content-type": "application/json"}


def _ended(reason: object) -> bytes:
    document = json.loads(_COMPLETE)
    document["choices"][0]["finish_reason"] = reason
    return json.dumps(document).encode()


def _broken(name: str, answer: Behaviour, says: str, *, again: bool = False) -> Fault:
    return Fault(name, answer, "broken", 502, FAILED, says, again=again)


def _cut(end: End) -> Behaviour:
    return Behaviour((head(200, _JSON, len(_COMPLETE)) + _COMPLETE[:60], 0.02), end)


WHOLE = (
    *BEFORE,
    _broken("closed within the answer", _cut(End.CLOSE), "was cut", again=True),
    _broken("reset within the answer", _cut(End.RESET), "was cut", again=True),
    _broken(
        "chunks cut",
        Behaviour((head(200, _JSON, None) + b"%x\r\n" % len(_COMPLETE) + _COMPLETE[:60], 0.02), End.CLOSE),
        "was cut",
        again=True,
    ),
    _broken("malformed chunk", Behaviour((head(200, _JSON, None) + b"xyz\r\n{}\r\n",), End.KEEP), "cannot be read"),
    Fault(
        "stalls within the answer", Behaviour((head(200, _JSON, 1000) + b"{",), End.HANG), "timeout", 504,
        TIMED_OUT, "in time", slow=True,
    ),
    Fault(
        "trickles", Behaviour((head(200, _JSON, 1000), *_TRICKLE), End.HANG), "timeout", 504,
        TIMED_OUT, "in time", slow=True,
    ),
    _broken("empty", whole(b""), "not valid JSON"),
    _broken("no JSON", whole(b"<html>"), "not valid JSON"),
    _broken("JSON cut, length right", whole(_COMPLETE[:60]), "not valid JSON"),
    _broken("no choices", whole(b'{"choices": []}'), "choices"),
    _broken("a choice that has not ended", whole(_ended(None)), "finish_reason"),
    _broken("aborted by the engine", whole(_ended("abort")), "abort"),
    _broken("error with status 200", whole(b'{"error": "gpu gone", "error_type": "generation"}'), "gpu gone"),
    _broken("NaN", whole(_COMPLETE.replace(b'"created": 1', b'"created": NaN')), "NaN"),
    _broken("too large", whole(_TOO_LARGE), "exceeds"),
    _broken("nested without end", whole(b"[" * 100_000), "deep"),
)  # fmt: skip
