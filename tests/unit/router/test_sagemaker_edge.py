"""The edge towards SageMaker: the router's own client against the runtime's wire protocol on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from lambdas.router.failures import FailureKind, FaultSource, UpstreamError, classify
from lambdas.router.messages import json_response
from lambdas.router.ports import Call
from lambdas.router.proxy_event import from_response
from lambdas.router.sagemaker import MAX_ANSWER_BYTES
from tests.unit.router.edge import Edge
from tests.unit.router.support import FakeRuntime, Reply, payload_part, stream_error, whole_stream

WHOLE = Call("adept-test-query-enhancement", "primary", b'{"inputs": "x"}', stream=False)
STREAM = Call("adept-test-query-enhancement", "primary", b'{"inputs": "x"}', stream=True)


@pytest.fixture
def upstream(runtime: FakeRuntime) -> Iterator[Edge]:
    assert runtime.url
    with Edge() as edge:
        yield edge


def fault_of(upstream: Edge, call: Call, budget_s: float = 5.0) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        upstream.ask(call, budget_s=budget_s)
    return caught.value


def test_a_whole_answer_is_asked_of_the_named_variant(runtime: FakeRuntime, upstream: Edge) -> None:
    runtime.replies["primary"] = Reply((b'{"a": ', b"1}"))
    assert upstream.ask(WHOLE, budget_s=5) == b'{"a": 1}'
    assert runtime.requests == [
        ("/endpoints/adept-test-query-enhancement/invocations", "primary", WHOLE.body)
    ]


def test_a_stream_is_read_from_its_payload_parts(runtime: FakeRuntime, upstream: Edge) -> None:
    raw = whole_stream()
    runtime.replies["primary"] = Reply.stream(
        payload_part(raw[:30]), payload_part(b""), payload_part(raw[30:])
    )
    assert upstream.ask(STREAM, budget_s=5) == raw
    assert runtime.requests[0][0].endswith("/invocations-response-stream")


def test_the_containers_refusal_carries_its_own_status_and_words(
    runtime: FakeRuntime, upstream: Edge
) -> None:
    for call in (WHOLE, STREAM):
        runtime.replies["primary"] = Reply.model_error(
            422, '{"error": "inputs too long", "error_type": "validation"}'
        )
        fault = fault_of(upstream, call)
        assert (fault.status, fault.message) == (422, "inputs too long")
        assert classify(fault) is FailureKind.CALLER


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.model_error(424, "not json"), FailureKind.BROKEN),
        (
            Reply.model_error(429, '{"error": "overloaded", "error_type": "overloaded"}'),
            FailureKind.OVERLOADED,
        ),
        (Reply.error(429, "ModelNotReadyException", Message="m"), FailureKind.UNAVAILABLE),
        (
            Reply.error(400, "ValidationError", Message="Endpoint x of account y not found."),
            FailureKind.UNAVAILABLE,
        ),
        (Reply.error(400, "ThrottlingException", message="Rate exceeded"), FailureKind.OVERLOADED),
        (Reply.error(503, "ServiceUnavailable", Message="m"), FailureKind.UNAVAILABLE),
        (Reply.error(500, "InternalFailure", Message="m"), FailureKind.BROKEN),
        (Reply.error(403, "AccessDeniedException", Message="not authorized"), FailureKind.BROKEN),
        (Reply((b"<html>Bad Gateway</html>",), 502), FailureKind.BROKEN),
        (Reply((b"\xff",), 500), FailureKind.BROKEN),  # the rest are JSON that no service model foresees
        (Reply((b"null",), 500), FailureKind.BROKEN),
        (Reply((b'{"code": {}}',), 500), FailureKind.BROKEN),
        (Reply.error(424, "ModelError", OriginalStatusCode=[]), FailureKind.BROKEN),
        (Reply.error(424, "ModelError", OriginalMessage=5), FailureKind.BROKEN),
        (Reply((b"half",), hang_up=True), FailureKind.BROKEN),  # cut: fewer bytes than announced
    ],
)
def test_every_error_on_the_wire_has_its_meaning(
    runtime: FakeRuntime, upstream: Edge, reply: Reply, kind: FailureKind
) -> None:
    runtime.replies["primary"] = reply
    assert classify(fault_of(upstream, WHOLE)) is kind
    assert len(runtime.requests) == 1  # the edge does not retry: the core spends its deadline itself


@pytest.mark.parametrize(
    "reply",
    [
        Reply.stream(
            payload_part(b"data: x\n\n"),
            stream_error("ModelStreamError", Message="m"),
        ),
        Reply.stream(payload_part(b"data: x\n\n"), stream_error("InternalStreamFailure", Message="m")),
        Reply.stream(payload_part(b"data: x\n\n"), hang_up=True),
        Reply.stream(b"\x00" * 32),  # no event stream at all
    ],
)
def test_a_stream_that_breaks_is_a_fault_that_falls_over(
    runtime: FakeRuntime, upstream: Edge, reply: Reply
) -> None:
    runtime.replies["primary"] = reply
    fault = fault_of(upstream, STREAM)
    assert classify(fault) is FailureKind.BROKEN


@pytest.mark.parametrize("call", [WHOLE, STREAM])
def test_an_answer_that_trickles_is_given_up_when_its_time_is_over(
    runtime: FakeRuntime, upstream: Edge, call: Call
) -> None:
    """Every byte comes long before a socket time-out; only the whole takes too long."""
    runtime.replies["primary"] = Reply.stream(*[payload_part(b"x")] * 100, pause_s=0.05)
    started_s = time.monotonic()
    fault = fault_of(upstream, call, budget_s=0.2)
    assert fault.source is FaultSource.TIMEOUT
    assert time.monotonic() - started_s < 1.0


@pytest.mark.parametrize(
    ("call", "reply"), [(WHOLE, Reply((b"{}",))), (STREAM, Reply.stream(payload_part(b"{}")))]
)
def test_a_kept_connection_that_went_stale_is_replaced_without_a_word(
    runtime: FakeRuntime, upstream: Edge, call: Call, reply: Reply
) -> None:
    """SageMaker closed it while Lambda had frozen the process; the endpoint itself is well."""
    runtime.replies["primary"] = [reply, Reply(silent=True), reply]
    assert upstream.ask(call, budget_s=5) == b"{}"
    assert upstream.ask(call, budget_s=5) == b"{}"
    assert len(runtime.requests) == 3


def test_an_endpoint_that_closes_every_connection_is_unavailable(
    runtime: FakeRuntime, upstream: Edge
) -> None:
    runtime.replies["primary"] = Reply(silent=True)
    assert classify(fault_of(upstream, WHOLE)) is FailureKind.UNAVAILABLE
    assert len(runtime.requests) == 1  # it was new: what is asked again on it may be done twice


def test_nobody_listening_is_unavailable(runtime: FakeRuntime, upstream: Edge) -> None:
    runtime.close()
    fault = fault_of(upstream, WHOLE)
    assert fault.source is FaultSource.CONNECTION
    assert classify(fault) is FailureKind.UNAVAILABLE


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ValidationError", "Endpoint x of account 123456789012 not found."),
        ("AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized"),
    ],
)
def test_sagemakers_own_words_are_for_the_log_because_they_name_accounts_and_roles(
    runtime: FakeRuntime, upstream: Edge, code: str, said: str
) -> None:
    runtime.replies["primary"] = Reply.error(400, code, Message=said)
    fault = fault_of(upstream, WHOLE)
    assert fault.detail == said
    assert code in fault.message
    assert "123456789012" not in fault.message


def test_a_model_error_without_the_containers_words_does_not_tell_sagemakers(
    runtime: FakeRuntime, upstream: Edge
) -> None:
    wrapped = "Received server error (500) from primary. See https://console in account 123456789012"
    runtime.replies["primary"] = Reply.error(424, "ModelError", Message=wrapped, OriginalStatusCode=500)
    fault = fault_of(upstream, WHOLE)
    assert "account" not in fault.message + fault.detail
    assert classify(fault) is FailureKind.BROKEN


def test_missing_credentials_are_said_to_be_missing(
    runtime: FakeRuntime, upstream: Edge, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fault = fault_of(upstream, WHOLE)
    assert fault.source is FaultSource.SETUP
    assert "NoCredentialsError" in fault.message
    assert runtime.requests == []


def test_an_answer_beyond_what_a_lambda_may_return_is_refused(runtime: FakeRuntime, upstream: Edge) -> None:
    runtime.replies["primary"] = Reply((b"x" * (MAX_ANSWER_BYTES + 1),))
    assert fault_of(upstream, WHOLE).code == "AnswerTooLarge"


@pytest.mark.parametrize("letter", ["x", "é", "한", "🚀", '"', "\\"])
def test_the_largest_answer_fits_what_a_lambda_may_return(letter: str) -> None:
    raw = letter * (MAX_ANSWER_BYTES // len(json.dumps(letter, ensure_ascii=False)[1:-1].encode()))
    body = json_response(200, raw)
    assert len(json.dumps(from_response(body))) < 6 * 1024 * 1024


def test_connections_are_kept_between_requests(runtime: FakeRuntime, upstream: Edge) -> None:
    runtime.replies["primary"] = Reply((b"{}",))
    for _ in range(3):
        upstream.ask(WHOLE, budget_s=5)
    assert runtime.connections == 1


def test_the_pieces_of_a_stream_are_given_out_as_they_come(runtime: FakeRuntime, upstream: Edge) -> None:
    parts = [payload_part(piece) for piece in (b"one", b"two", b"three")]
    runtime.replies["primary"] = Reply.stream(*parts, pause_s=0.03)
    assert upstream.pieces(STREAM) == [b"one", b"two", b"three"]
    runtime.replies["primary"] = Reply.stream(b"".join(parts))  # what comes at once is given out at once
    assert upstream.pieces(STREAM) == [b"onetwothree"]


def test_what_came_before_a_fault_is_given_out_before_it_is_raised(
    runtime: FakeRuntime, upstream: Edge
) -> None:
    runtime.replies["primary"] = Reply.stream(payload_part(b"one") + stream_error("ModelStreamError"))
    given: list[bytes] = []

    async def read() -> None:
        stream = upstream.upstream.stream(STREAM, first_s=5, idle_s=5, total_s=5)
        given.append(await anext(stream))
        await anext(stream)

    with pytest.raises(UpstreamError, match="ModelStreamError"):
        upstream.runner.run(read())
    assert given == [b"one"]


@pytest.mark.parametrize(
    ("limits", "pieces"),
    [
        ({"first_s": 0.1}, [payload_part(b"")] * 50),  # pieces with nothing in them are no sign of life
        ({"idle_s": 0.1}, [payload_part(b"x"), *[payload_part(b"")] * 50]),
        ({"total_s": 0.2}, [payload_part(b"x")] * 50),
    ],
)
def test_a_stream_has_a_time_limit_for_its_first_piece_each_next_one_and_all(
    runtime: FakeRuntime, upstream: Edge, limits: dict[str, float], pieces: list[bytes]
) -> None:
    runtime.replies["primary"] = Reply.stream(*pieces, pause_s=0.05)
    with pytest.raises(UpstreamError) as caught:
        upstream.pieces(STREAM, **limits)
    assert (caught.value.source, caught.value.code) == (FaultSource.TIMEOUT, "DeadlineExceeded")
    assert runtime.hung_up.wait(2)  # the connection is dropped at once


def test_a_stream_that_is_closed_or_cancelled_drops_its_connection(
    runtime: FakeRuntime, upstream: Edge
) -> None:
    async def close_early() -> None:
        stream = upstream.upstream.stream(STREAM, first_s=5, idle_s=5, total_s=5)
        assert await anext(stream) == b"x"
        await stream.aclose()

    async def cancel() -> None:
        asking = asyncio.create_task(upstream.upstream.invoke(WHOLE, timeout_s=5))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    for work in (close_early, cancel):
        runtime.hung_up.clear()
        runtime.replies["primary"] = Reply.stream(*[payload_part(b"x")] * 100, pause_s=0.02)
        upstream.runner.run(work())
        assert runtime.hung_up.wait(2)


def test_a_model_that_exceeds_sagemakers_own_time_is_a_time_out(runtime: FakeRuntime, upstream: Edge) -> None:
    error = stream_error("ModelStreamError", Message="m", ErrorCode="ModelInvocationTimeExceeded")
    runtime.replies["primary"] = Reply.stream(error)
    assert classify(fault_of(upstream, STREAM)) is FailureKind.TIMEOUT


def test_custom_attributes_are_sent_where_there_are_some(runtime: FakeRuntime, upstream: Edge) -> None:
    runtime.replies["primary"] = Reply((b"{}",))
    for attributes in (None, "traceparent=00-a-b-01"):
        upstream.ask(WHOLE._replace(custom_attributes=attributes), budget_s=5)
    assert runtime.attributes == [None, "traceparent=00-a-b-01"]


def test_a_name_that_is_none_stays_within_its_place_in_the_path(runtime: FakeRuntime, upstream: Edge) -> None:
    runtime.replies["primary"] = Reply((b"{}",))
    upstream.ask(WHOLE._replace(endpoint_name="a/../b c"), budget_s=5)
    assert runtime.requests[0][0] == "/endpoints/a%2F..%2Fb%20c/invocations"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("soon", None), ("-1", None), ("inf", None), ("1e9", None), ("", None)],
)
def test_what_the_answer_asks_to_wait_is_told(
    runtime: FakeRuntime, upstream: Edge, said: str, seconds: float | None
) -> None:
    runtime.replies["primary"] = Reply((b"{}",), 503, {"Retry-After": said})
    assert fault_of(upstream, WHOLE).retry_after_s == seconds


def test_a_moment_to_wait_for_is_told_in_seconds(runtime: FakeRuntime, upstream: Edge) -> None:
    runtime.replies["primary"] = Reply(
        (b"{}",), 429, {"Retry-After": formatdate(time.time() + 60, usegmt=True)}
    )
    assert fault_of(upstream, WHOLE).retry_after_s == pytest.approx(60, abs=5)


def test_no_region_and_an_address_that_is_none_are_said(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with Edge() as edge:
        fault = fault_of(edge, WHOLE)
    assert (fault.source, "nonsense" in fault.message) == (FaultSource.SETUP, True)

    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    with Edge() as edge:
        assert "NoRegionError" in fault_of(edge, WHOLE).message
    assert runtime.requests == []
