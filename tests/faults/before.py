"""Faults before an answer begins: the same for whole and for streamed answers."""

from __future__ import annotations

from tests.faults.behaviours import engine, good_answer, head, refuses, tgi_error, whole
from tests.faults.fault import Fault
from tests.faults.upstream import Behaviour, End

FAILED, UNAVAILABLE, TIMED_OUT = "candidates_failed", "candidates_unavailable", "candidates_timed_out"
OVERLOADED = "candidates_overloaded"
_TOO_LONG = "`inputs` must have less than 3072 tokens. Given: 4000"
_DECLINED = '{"error": {"message": "not that", "code": "content_filter"}}'
_AT_ONCE = {"retry-after": "0"}
_TOO_LATE = {"retry-after": "30"}
_SILENT_S = 0.02  # so that the request is read before the connection ends

REFUSED = (
    Fault("engine 400", engine(400, '{"error": "bad stop"}'), "caller", 400, "engine_refused", "bad stop"),
    Fault(
        "engine 422", engine(422, tgi_error("no grammar", "validation")), "caller", 400, "engine_refused",
        "no grammar",
    ),
    Fault("engine 413", engine(413, tgi_error("too big")), "caller", 413, "engine_refused", "too big"),
    Fault(
        "context length", engine(422, tgi_error(_TOO_LONG, "validation")), "context_length", 400,
        "context_length_exceeded", "must have less than 3072",
    ),
    Fault("content declined", engine(400, _DECLINED), "refused", 400, "content_filter", "not that"),
)  # fmt: skip

OVERLOADS = (
    Fault(
        "engine 429", engine(429, tgi_error("Model is overloaded")), "overloaded", 429, OVERLOADED,
        "Model is overloaded", again=True,
    ),
    Fault(
        "engine 429, retry at once", engine(429, tgi_error("queue full"), _AT_ONCE), "overloaded", 429,
        OVERLOADED, "queue full", again=True,
    ),
    Fault(
        "engine 429, retry too late", engine(429, tgi_error("queue full"), _TOO_LATE), "overloaded", 429,
        OVERLOADED, "queue full",
    ),
    Fault(
        "throttled", refuses(400, "ThrottlingException", message="Rate exceeded"), "overloaded", 429,
        OVERLOADED, "ThrottlingException", again=True, account=True,
    ),
)  # fmt: skip

NOT_THERE = (
    Fault(
        "not ready", refuses(429, "ModelNotReadyException", Message="m"), "unavailable", 503, UNAVAILABLE,
        "ModelNotReadyException", again=True,
    ),
    Fault(
        "service unavailable", refuses(503, "ServiceUnavailable", Message="m"), "unavailable", 503,
        UNAVAILABLE, "ServiceUnavailable", again=True,
    ),
    Fault(
        "service unavailable, retry too late",
        refuses(503, "ServiceUnavailable", _TOO_LATE, Message="m"),
        "unavailable", 503, UNAVAILABLE, "ServiceUnavailable",
    ),
    Fault(
        "engine 503", engine(503, tgi_error("warming up")), "unavailable", 503, UNAVAILABLE, "warming up",
        again=True,
    ),
    Fault(
        "endpoint missing", refuses(400, "ValidationError", Message="Endpoint x not found."), "unavailable",
        503, UNAVAILABLE, "ValidationError",
    ),
    Fault(
        "hangs up without a word", Behaviour((_SILENT_S,), End.CLOSE), "unavailable", 503, UNAVAILABLE,
        "hung up", again=True,
    ),
    Fault(
        "resets without a word", Behaviour((_SILENT_S,), End.RESET), "unavailable", 503, UNAVAILABLE,
        "hung up", again=True,
    ),
)  # fmt: skip

TIMEOUTS = (
    Fault("never answers", Behaviour((), End.HANG), "timeout", 504, TIMED_OUT, "timeout (no", slow=True),
    Fault(
        "half a status line", Behaviour((b"HTTP/1.1 20",), End.HANG), "timeout", 504, TIMED_OUT,
        "timeout (no", slow=True,
    ),
    Fault(
        "container's minute is over", engine(0, "Your invocation timed out while waiting"), "timeout", 504,
        TIMED_OUT, "timed out",
    ),
    Fault("engine 504", engine(504, "upstream"), "timeout", 504, TIMED_OUT, "upstream"),
    Fault("engine 408", engine(408, "slow"), "timeout", 504, TIMED_OUT, "slow"),
)  # fmt: skip

BROKEN = (
    Fault("engine 500", engine(500, tgi_error("gpu lost")), "broken", 502, FAILED, "gpu lost"),
    Fault("engine 424", engine(424, tgi_error("CUDA")), "broken", 502, FAILED, "CUDA"),
    Fault("engine 401", engine(401, "no token"), "broken", 502, FAILED, "no token"),
    Fault("engine 404", engine(404, "no route"), "broken", 502, FAILED, "no route"),
    Fault(
        "internal failure", refuses(500, "InternalFailure", Message="m"), "broken", 502, FAILED,
        "InternalFailure", again=True,
    ),
    Fault(
        "bad gateway in HTML", whole(b"<html>Bad Gateway</html>", 502), "broken", 502, FAILED, "502",
        again=True,
    ),
    Fault(
        "access denied", refuses(403, "AccessDeniedException", Message="arn:aws:iam::1:role/r"), "broken",
        502, FAILED, "AccessDeniedException",
    ),
    Fault("not HTTP", Behaviour((b"SSH-2.0-x\r\n\r\n",), End.CLOSE), "broken", 502, FAILED, "cannot be read"),
    Fault(
        "endless headers", Behaviour((b"HTTP/1.1 200 x\r\nx-a: " + b"a" * 100_000,), End.HANG), "broken", 502,
        FAILED, "headers exceed",
    ),
    Fault(
        "error cut within", Behaviour((head(500, {}, 100) + b'{"Mess', _SILENT_S), End.CLOSE), "broken", 502,
        FAILED, "was cut", again=True,
    ),
)  # fmt: skip

BEFORE = REFUSED + OVERLOADS + NOT_THERE + TIMEOUTS + BROKEN
WELL = Fault("well", good_answer(), "none", 200, "", "")
