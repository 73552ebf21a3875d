"""The same server over the embedded SageMaker, whose containers have the faults: SageMaker's part is played by it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.asgi import create_app
from endpoints.local.sagemaker.runtime import RuntimeTimeouts
from tests.contracts.router.embedded import REGION
from tests.faults.behaviours import DONE, FINISH, ROLE, TEXT, TOKENS, tgi_error
from tests.faults.judge import read_stream, text_of
from tests.faults.stage import SLACK_S, Got, chat, staged, use_case
from tests.support.containers import Call, FakeHost, fake_host
from tests.support.serving import serving
from tests.unit.router.support import completion

NAME = "embedded"
MINUTE_S = 1.0  # SageMaker's, scaled down
Act = Callable[[Call], None]


@dataclass
class Containers:
    """What each variant's containers do, how often each was asked, and who saw the router go away."""

    acts: dict[str, Act]
    asked: list[str]
    gone: threading.Event
    closing: threading.Event


@contextmanager
def embedded(acts: dict[str, Act]) -> Iterator[tuple[str, Containers]]:
    """The embedded SageMaker's address, with one endpoint in service."""
    containers = Containers(acts, [], threading.Event(), threading.Event())
    with fake_host() as host:
        host.behaviour = _behaviour(containers)
        sagemaker = SageMaker(host, account="000000000000", region=REGION)
        autoscaling = ApplicationAutoScaling(sagemaker)
        timeouts = RuntimeTimeouts(answer_s=MINUTE_S, stream_s=MINUTE_S)
        with serving(create_app(sagemaker, autoscaling, timeouts=timeouts)) as url:
            _deploy(sagemaker, host, *acts)
            try:
                yield url, containers
            finally:
                containers.closing.set()
        autoscaling.close()
        sagemaker.close()


def _behaviour(containers: Containers) -> Act:
    def behave(call: Call) -> None:
        variant = call.container_id.rsplit("-", 1)[0]
        containers.asked.append(variant)
        try:
            containers.acts[variant](call)
        except OSError:
            containers.gone.set()

    return behave


def _deploy(sagemaker: SageMaker, host: FakeHost, *variants: str) -> None:
    call = sagemaker.call
    call("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": "tgi:1"}})
    production = [
        {"VariantName": name, "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.g5.xlarge"}
        for name in variants
    ]
    call("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": production})
    call("CreateEndpoint", {"EndpointName": NAME, "EndpointConfigName": "c"})
    assert sagemaker.wait_until_settled(NAME, timeout_s=10) == "InService"
    assert len(host.running) == len(variants)


def answers(body: bytes, status: int = 200) -> Act:
    return lambda call: call.answer(body, status, {"Content-Type": "application/json"})


def hangs(call: Call) -> None:
    threading.Event().wait(2 * MINUTE_S)
    call.hang_up()


def hangs_up(call: Call) -> None:
    call.hang_up()


def cut(call: Call) -> None:
    call.begin(200, {"Content-Type": "application/json", "Content-Length": "1000"})
    call.write(b"{")
    call.hang_up()


def streams(*pieces: bytes, end: str = "ends") -> Act:
    """A container's stream in chunks; then it `ends`, `cuts` or `stalls`."""

    def act(call: Call) -> None:
        call.begin(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for piece in pieces:
            call.chunk(piece)
            threading.Event().wait(0.1)
        if end == "cuts":
            call.hang_up()
        elif end == "stalls":
            threading.Event().wait(2 * MINUTE_S)
            call.hang_up()
        else:
            call.write(b"0\r\n\r\n")

    return act


WHOLE_STREAM = streams(ROLE, *TOKENS, FINISH + DONE)
GOOD = completion(TEXT)
PASSES = {
    "500": (answers(tgi_error("gpu lost").encode(), 500), 502, "gpu lost"),
    "424": (answers(tgi_error("CUDA").encode(), 424), 502, "CUDA"),
    "429": (answers(tgi_error("overloaded").encode(), 429), 429, "overloaded"),
    "503": (answers(b"", 503), 503, "unavailable"),
    "no JSON": (answers(b"<html>"), 502, "not valid JSON"),
    "hangs up": (hangs_up, 502, "refused or closed"),
    "cut": (cut, 502, "refused or closed"),
    "SageMaker's minute": (hangs, 504, "timed out"),
}


def _ask(acts: dict[str, Act], *, stream: bool = False) -> tuple[Got, list[str]]:
    async def asked(url: str) -> Got:
        rules = {
            "limits": {
                "max_body_bytes": 65_536,
                "max_messages": 4,
                "max_output_tokens": 9,
                "timeout_ms": 4_000,
            }
        }
        async with staged({NAME: use_case(NAME, alone=len(acts) == 1, **rules)}, url) as stage:
            return await stage.ask(chat(NAME, stream=stream))

    with embedded(acts) as (url, containers):
        got = asyncio.run(asked(url))
        return got, containers.asked


@pytest.mark.parametrize(("act", "status", "says"), PASSES.values(), ids=PASSES)
def test_a_container_that_fails(act: Act, status: int, says: str) -> None:
    """Given its fault, then the other one answers, and alone the caller is told."""
    got, asked = _ask({"primary": act, "alternative": answers(GOOD)})
    assert text_of(got) == TEXT
    assert asked == ["primary", "alternative"]
    alone, asked = _ask({"primary": act})
    assert alone.status == status
    assert says in alone.error["message"]
    assert len(asked) <= 2
    assert alone.took_s < 4 + SLACK_S


def test_a_container_that_refuses_is_the_last_word() -> None:
    refuses = answers(tgi_error("no grammar", "validation").encode(), 422)
    got, asked = _ask({"primary": refuses, "alternative": answers(GOOD)})
    assert (got.status, got.error["message"], asked) == (400, "no grammar", ["primary"])


def test_a_missing_variant_falls_over() -> None:
    async def asked(url: str) -> Got:
        async with staged({NAME: use_case(NAME)}, url) as stage:
            return await stage.ask(chat(NAME))

    with embedded({"alternative": answers(GOOD)}) as (url, containers):
        got = asyncio.run(asked(url))
    assert text_of(got) == TEXT
    assert containers.asked == ["alternative"]


def test_a_whole_stream() -> None:
    got, _ = _ask({"primary": WHOLE_STREAM}, stream=True)
    assert read_stream(got.body) == (TEXT, "[DONE]")


@pytest.mark.parametrize(
    "broken",
    [
        streams(ROLE, end="cuts"),
        streams(ROLE, end="stalls"),
        streams(ROLE, b"data: {broken\n\n"),
        streams(ROLE, b'data: {"error": "gpu gone", "error_type": "generation"}\n\n', DONE),
        streams(),
        answers(tgi_error("gpu lost").encode(), 500),
    ],
    ids=["cut", "stalled", "malformed", "error event", "nothing", "500"],
)
def test_a_stream_that_breaks_before_its_first_token_falls_over(broken: Act) -> None:
    got, asked = _ask({"primary": broken, "alternative": WHOLE_STREAM}, stream=True)
    assert read_stream(got.body) == (TEXT, "[DONE]")
    assert asked == ["primary", "alternative"]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (streams(ROLE, TOKENS[0], end="cuts"), "ModelStreamError"),
        (streams(ROLE, TOKENS[0], end="stalls"), "in time"),
        (streams(ROLE, TOKENS[0], b"data: {broken\n\n"), "not valid JSON"),
        (streams(ROLE, *TOKENS), "end marker"),
        (streams(ROLE, *TOKENS, DONE), "finish_reason"),
    ],
    ids=["cut", "stalled", "malformed", "no end marker", "no finish_reason"],
)
def test_a_stream_that_breaks_after_it_says_so(broken: Act, says: str) -> None:
    got, asked = _ask({"primary": broken, "alternative": WHOLE_STREAM}, stream=True)
    text, last = read_stream(got.body)
    assert got.whole
    assert TEXT.startswith(text)
    assert text
    assert last["error"]["code"] == "stream_interrupted"
    assert says in last["error"]["message"]
    assert b"[DONE]" not in got.body
    assert asked == ["primary"]


def test_a_caller_who_leaves_stops_the_container() -> None:
    """Given a stream through router and SageMaker, when the caller leaves, then the container cannot write any more."""

    async def leave(url: str) -> None:
        async with staged({NAME: use_case(NAME)}, url) as stage:
            caller = await stage.open(chat(NAME, stream=True))
            await caller.head()
            await caller.chunk()
            caller.leave()
            await asyncio.sleep(0.8)

    with embedded({"primary": streams(ROLE, *[TOKENS[1]] * 200)}) as (url, containers):
        asyncio.run(leave(url))
        assert containers.gone.wait(2)
