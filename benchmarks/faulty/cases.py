"""All faults, whole and streamed. The alternative is well unless a case says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.faulty.case import Case, Script, Wants
from benchmarks.faulty.wire import Wire, answer, refusal, stream, whole
from tests.faults.behaviours import DONE, FINISH, ROLE, TEXT, TOKENS
from tests.faults.upstream import Behaviour, End
from tests.unit.router.support import completion

_NO_MODEL = {"message": "The model `m` does not exist.", "type": "NotFoundError", "param": None, "code": 404}
_GPU_LOST = {"message": "gpu lost", "type": "server_error", "param": None, "code": None}
_QUEUE_FULL = {"message": "queue full", "type": "rate_limit_error", "param": None, "code": None}
_WARMING_UP = {"message": "warming up", "type": "overloaded_error", "param": None, "code": None}
_BAD_STOP = {"message": "bad stop", "type": "BadRequestError", "param": None, "code": 400}
_TOO_LONG = {
    "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4936 in the "
    "messages, 64 in the completion). Please reduce the length of the messages or completion.",
    "type": "BadRequestError",
    "param": None,
    "code": 400,
}
_ERROR_EVENT = (
    b'data: {"error": {"message": "gpu lost", "type": "server_error", "param": null, "code": null}}\n\n'
)
_FULL = completion(TEXT, id="chatcmpl-1")
_APART_S = 0.15  # so that what comes before has reached the caller
_MOMENT_S = 0.02  # so that a request is read before the connection ends
_SERVER_ERRORS = frozenset(range(500, 600))
_IN_TURN = 20  # requests of a case about time


def _fails(status: int, error: Mapping[str, object], **headers: str) -> Script:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda wire: refusal(wire, status, error, named)


def _raw(behaviour: Behaviour) -> Script:
    return lambda _: behaviour


def _streams(*steps: bytes | float, end: End = End.KEEP, ends: bool = True) -> Script:
    return lambda wire: stream(wire, ROLE, *steps, end=end, ends=ends)


def _begun(*steps: bytes | float, end: End = End.KEEP, ends: bool = True) -> Script:
    return _streams(TOKENS[0], _APART_S, *steps, end=end, ends=ends)


def _well(streamed: bool) -> Script:
    return _streams(*TOKENS, FINISH, DONE) if streamed else _raw(answer(TEXT))


def _in_turn(*scripts: Script) -> Script:
    def script(wire: Wire) -> list[Behaviour]:
        each = [script(wire) for script in scripts]
        return [behaviour for behaviour in each if isinstance(behaviour, Behaviour)]

    return script


def _falls_over(fault: str, primary: Script | None, *streamed: bool) -> list[Case]:
    """The alternative can answer, and nothing has gone to the caller."""
    return [Case(fault, each, primary, _well(each), Wants.ANSWER) for each in streamed]


def _breaks(fault: str, primary: Script, *says: str) -> Case:
    """The caller has a part of the answer."""
    return Case(fault, True, primary, _well(True), Wants.END, says=says)


def _both(fault: str, script: Script | None, statuses: frozenset[int], *says: str, streamed: bool) -> Case:
    return Case(fault, streamed, script, script, Wants.ERROR, statuses, says)


_HANGS = _raw(Behaviour((), End.HANG))
_EITHER = (False, True)
_RESET = _raw(Behaviour((_MOMENT_S,), End.RESET))
_DOWN = _fails(500, _GPU_LOST)
_BUSY = _fails(503, _WARMING_UP)

WELL = [Case("nothing", each, _well(each), _well(each), Wants.ANSWER) for each in _EITHER]
"""Not counted: a gateway that does not answer here is set up wrongly."""

_BEFORE = [
    *_falls_over("500", _DOWN, *_EITHER),
    *_falls_over("503 overloaded", _BUSY, *_EITHER),
    *_falls_over("404, set up wrongly", _fails(404, _NO_MODEL), False),
    *(
        replace(case, not_again_s=1.0)
        for case in _falls_over("429, retry after 1 s", _fails(429, _QUEUE_FULL, retry_after="1"), *_EITHER)
    ),
    *(
        replace(case, not_again_s=30.0)
        for case in _falls_over("429, retry after 30 s", _fails(429, _QUEUE_FULL, retry_after="30"), *_EITHER)
    ),
    *_falls_over("connection refused", None, *_EITHER),
    *_falls_over("reset before the answer", _RESET, *_EITHER),
    *_falls_over("no answer", _HANGS, *_EITHER),
    *_falls_over("context too long", _fails(400, _TOO_LONG), *_EITHER),
]
_WHOLE = [
    *_falls_over("stalls within the answer", _raw(whole(_FULL[:60], length=len(_FULL), end=End.HANG)), False),
    *_falls_over("cut within the answer", _raw(whole(_FULL[:60], length=len(_FULL), end=End.CLOSE)), False),
    *_falls_over("malformed JSON", _raw(whole(_FULL[:60])), False),
    *_falls_over("error with status 200", _raw(whole(b'{"error": {"message": "gpu lost"}}')), False),
]
_FIRST_EVENT = [
    *_falls_over("no first token", _streams(end=End.HANG, ends=False), True),
    *_falls_over("malformed first event", _streams(b"data: {broken\n\n"), True),
    *_falls_over("error as first event", _streams(_ERROR_EVENT), True),
]
_BEGUN = [
    _breaks("reset half-way", _begun(end=End.RESET, ends=False)),
    _breaks("stalls half-way", _begun(end=End.HANG, ends=False)),
    _breaks("ends without end marker", _begun(TOKENS[1])),
    _breaks("malformed event half-way", _begun(b"data: {broken\n\n")),
    _breaks("error event half-way", _begun(_ERROR_EVENT), "gpu lost"),
]
_CALLERS = [
    Case(
        "the caller's mistake", each, _fails(400, _BAD_STOP), _fails(400, _BAD_STOP), Wants.ERROR,
        frozenset({400}), ("bad stop",), caller_is_wrong=True,
    )
    for each in _EITHER
]  # fmt: skip
_BOTH = [
    *(_both("both: 500", _DOWN, _SERVER_ERRORS, "gpu lost", streamed=each) for each in _EITHER),
    *(
        replace(
            _both(
                "both: 429, retry after 30 s", _fails(429, _QUEUE_FULL, retry_after="30"), frozenset({429, 503}),
                "queue full", streamed=each,
            ),
            not_again_s=30.0,
        )
        for each in _EITHER
    ),
    *(_both("both: no answer", _HANGS, _SERVER_ERRORS | {408}, streamed=each) for each in _EITHER),
    *(_both("both: connection refused", None, _SERVER_ERRORS, streamed=each) for each in _EITHER),
    *(
        _both("both: reset before the answer", _RESET, _SERVER_ERRORS, streamed=each) for each in _EITHER
    ),
    *(
        Case("503 once, then well; alternative: no answer", each, _in_turn(_BUSY, _well(each)), _HANGS, Wants.ANSWER)
        for each in _EITHER
    ),
    *(
        Case(
            "both: 503 once, then well", each, _in_turn(_BUSY, _well(each)), _in_turn(_BUSY, _well(each)),
            Wants.ANSWER,
        )
        for each in _EITHER
    ),
]  # fmt: skip
_TIME = [
    Case(
        "down for 20 requests", False, _DOWN, _well(False), Wants.ANSWER, requests=_IN_TURN,
        most_primary=_IN_TURN // 2,
    ),
    Case(
        "flapping for 20 requests", False, _in_turn(*(_DOWN, _well(False)) * _IN_TURN), _well(False), Wants.ANSWER,
        requests=_IN_TURN,
    ),
    Case(
        "closes kept connections, 20 requests", False, _raw(replace(answer(TEXT), end=End.CLOSE)), _well(False),
        Wants.ANSWER, requests=_IN_TURN,
    ),
]  # fmt: skip

CASES = [*_BEFORE, *_WHOLE, *_FIRST_EVENT, *_BEGUN, *_CALLERS, *_BOTH, *_TIME]
