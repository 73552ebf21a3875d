"""W3C trace context: whose trace a request belongs to, and what the model server gets to see of it.

https://www.w3.org/TR/trace-context/ . SageMaker hands no header of a caller's on to a container, but for its "custom
attributes": there the context travels, `traceparent=...` and, where there is one, `;tracestate=...`. The router makes
no spans of its own: a caller's span id and those of the attempts are in the log, and that is all of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
RESPONSE_HEADER = "traceresponse"
"""https://w3c.github.io/trace-context/#trace-context-http-response-headers-format"""

_VERSION = "00"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED = 1  # the only flag of version 00
_STATE_CHARS, _STATE_MEMBERS = 512, 32
_MEMBER = r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x21-\x2b\x2d-\x3c\x3e-\x7e]{1,256}"  # without spaces
_STATE = re.compile(rf"{_MEMBER}(?:,{_MEMBER})*", re.ASCII)
_SPACES = re.compile(r"[ \t]*,[ \t,]*")


class TraceContext(NamedTuple):
    """`parent_id` is the caller's span, None where this request begins the trace. `state` is the caller's, verbatim."""

    trace_id: str
    parent_id: str | None
    span_id: str  # the request's own, here
    flags: str
    state: str = ""

    @property
    def response(self) -> str:
        """What the caller is told: the trace, and the request's place in it."""
        return f"{_VERSION}-{self.trace_id}-{self.span_id}-{self.flags}"

    def attributes(self, span_id: str) -> str:
        """SageMaker's custom attributes of an attempt: visible ASCII, 1,024 characters at most."""
        parent = f"{TRACEPARENT}={_VERSION}-{self.trace_id}-{span_id}-{self.flags}"
        return f"{parent};{TRACESTATE}={self.state}" if self.state else parent


def read_trace_context(headers: Mapping[str, str]) -> TraceContext:
    """The caller's trace, continued; a new one where the headers (lower case) hold none that is valid.

    A new one is not "sampled": nobody has asked for it to be recorded.
    """
    given = headers.get(TRACEPARENT)
    found = None if given is None else _parent(given)
    if found is None:
        ids = os.urandom(24).hex()  # not `random`: its numbers are the same in every copy of a snapshot
        return TraceContext(ids[:32], None, ids[32:], "00")
    trace_id, parent_id, flags = found
    state = headers.get(TRACESTATE)
    return TraceContext(trace_id, parent_id, new_span_id(), flags, _state(state) if state else "")


def new_span_id() -> str:
    """An id for one span. All zeros, which is no id, comes once in 2^64."""
    return os.urandom(8).hex()


def _parent(text: str) -> tuple[str, str, str] | None:
    """Trace id, span id, flags. A version from the future may have more fields; what version 00 knows is read."""
    found = _PARENT.fullmatch(text.strip())
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if version == "ff" or (version == _VERSION and more) or trace_id == _NO_TRACE or parent_id == _NO_SPAN:
        return None
    return trace_id, parent_id, f"{int(flags, 16) & _SAMPLED:02x}"


def _state(text: str) -> str:
    """The state without spaces around its members, because custom attributes take visible characters alone.

    Empty where it is not valid (then nothing of it may be passed on), has spaces inside, or is too long; the trace
    itself goes on.
    """
    joined = _SPACES.sub(",", text.strip(" \t,")) if " " in text or "\t" in text or ",," in text else text
    if len(joined) > _STATE_CHARS or not _STATE.fullmatch(joined):
        return ""
    keys = [member.partition("=")[0] for member in joined.split(",")]
    return joined if len(keys) <= _STATE_MEMBERS and len(set(keys)) == len(keys) else ""
