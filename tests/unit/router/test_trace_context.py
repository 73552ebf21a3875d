"""W3C trace context: the standard's own cases, and what reaches the model server and the caller of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.router.trace_context import RESPONSE_HEADER, read_trace_context
from tests.unit.router.fake_upstream import FakeUpstream
from tests.unit.router.support import completion, whole_stream
from tests.unit.router.test_failures import service
from tests.unit.router.virtual import run_virtual
from tests.unit.router.world import World, streamed, with_headers

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_callers_trace_is_continued_with_a_span_of_its_own() -> None:
    context = read_trace_context(
        {"traceparent": PARENT, "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}
    )
    assert (context.trace_id, context.parent_id, context.flags) == (TRACE, SPAN, "01")
    assert context.span_id not in (SPAN, "")
    assert context.attributes("b7ad6b7169203331") == (
        f"traceparent=00-{TRACE}-b7ad6b7169203331-01;tracestate=rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    )
    assert context.response == f"00-{TRACE}-{context.span_id}-01"


@pytest.mark.parametrize(
    "given_parent",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-extra",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-zz",
        f"00-{TRACE}-{SPAN}-01\n",
        f"{PARENT}, {PARENT}",
        f"00-{TRACE[:-1]}١-{SPAN}-01",  # a digit, and none of hexadecimal's
    ],
)
def test_what_is_no_trace_begins_a_new_one_that_nobody_asked_to_record(given_parent: str) -> None:
    context = read_trace_context({"traceparent": given_parent, "tracestate": "a=b"})
    if given_parent.endswith("\n"):  # HTTP allows no such header; the space around a value is none of it
        assert context.trace_id == TRACE
        return
    assert context.trace_id != TRACE
    assert (context.parent_id, context.flags, context.state) == (None, "00", "")


def test_a_later_versions_trace_is_read_as_far_as_this_one_knows_it() -> None:
    context = read_trace_context({"traceparent": f"cc-{TRACE}-{SPAN}-03-what-the-future-brings"})
    assert (context.trace_id, context.parent_id, context.flags) == (TRACE, SPAN, "01")


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=1", "a=1"),
        ("a=1 , b=2\t,, c=3", "a=1,b=2,c=3"),
        ("tenant@system=x", "tenant@system=x"),
        ("a=1,a=2", ""),
        ("a", ""),
        ("A=1", ""),
        ("a=in the middle", ""),
        ("a=1;b,=", ""),
        (",".join(f"k{number}=v" for number in range(32)), ",".join(f"k{number}=v" for number in range(32))),
        (",".join(f"k{number}=v" for number in range(33)), ""),
        ("a=" + "x" * 256 + ",b=" + "x" * 256, ""),
    ],
)
def test_a_state_is_handed_on_whole_or_not_at_all(state: str, kept: str) -> None:
    assert read_trace_context({"traceparent": PARENT, "tracestate": state}).state == kept


@given(parent=st.text(max_size=80), state=st.text(max_size=600))
def test_whatever_a_caller_sends_sagemaker_gets_visible_ascii_of_its_length(parent: str, state: str) -> None:
    for given_parent in (parent, PARENT):
        context = read_trace_context({"traceparent": given_parent, "tracestate": state})
        assert re.fullmatch(r"[\x21-\x7e]{1,1024}", context.attributes("b7ad6b7169203331"))
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", context.response)


def test_every_attempt_has_a_span_of_its_own_in_the_callers_trace_and_the_log_knows_which() -> None:
    async def story() -> None:
        fails = service("InternalFailure", 500)
        world = World(FakeUpstream(primary=fails, alternative=completion()))
        response = await world.ask(with_headers(traceparent=PARENT, tracestate="a=1"))

        told = [call.custom_attributes or "" for call in world.upstream.calls]
        spans = [attempt.span_id for attempt in world.traces[0].attempts]
        assert told == [f"traceparent=00-{TRACE}-{span}-01;tracestate=a=1" for span in spans]
        assert len({SPAN, *spans}) == 3
        context = world.traces[0].context
        assert context is not None
        assert response.headers[RESPONSE_HEADER] == f"00-{TRACE}-{context.span_id}-01"

    run_virtual(story())


def test_a_stream_and_an_error_name_their_trace_too() -> None:
    async def story() -> None:
        world = World(FakeUpstream(primary=whole_stream(), alternative=whole_stream()))
        begun = await world.ask(with_headers(streamed(), traceparent=PARENT))
        refused = await world.ask(with_headers(streamed(model="nothing"), traceparent=PARENT))
        assert TRACE in begun.headers[RESPONSE_HEADER]
        assert refused.status == 404
        assert TRACE in refused.headers[RESPONSE_HEADER]

    run_virtual(story())
