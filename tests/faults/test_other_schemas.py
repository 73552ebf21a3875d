"""Text completions and TGI's own schema break as chat does: honestly, or to the next candidate."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.behaviours import DONE, LAST, part, streams, whole
from tests.faults.stage import Got, chat, staged, use_case
from tests.faults.upstream import Behaviour, End
from tests.unit.router.recorded import tgi_completion_chunk

NAME = "schemas"
APART_S = 0.15
ERROR = b'data: {"error": "gpu gone", "error_type": "generation"}\n\n'
BROKEN = b"data: {broken\n\n"


def _event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


@dataclass(frozen=True)
class Schema:
    """A path, its body, a token and an end of its stream, and a whole answer of it."""

    path: str
    body: dict[str, Any]
    token: bytes
    end: bytes
    answer: bytes
    cut_answer: bytes


def _generated(text: str | None) -> dict[str, Any]:
    return {"index": 1, "token": {"id": 1, "text": "a"}, "generated_text": text}


SCHEMAS = {
    "completions": Schema(
        "/v1/completions",
        {"model": NAME, "prompt": "x"},
        _event(tgi_completion_chunk("a")),
        _event(tgi_completion_chunk("b", finish_reason="stop")) + DONE,
        json.dumps({"choices": [{"index": 0, "text": "ab", "finish_reason": "stop"}]}).encode(),
        json.dumps({"choices": [{"index": 0, "text": "a", "finish_reason": ""}]}).encode(),
    ),
    "generate": Schema(
        f"/use-cases/{NAME}/invoke",
        {"inputs": "x"},
        _event(_generated(None)),
        _event(_generated("ab")),
        json.dumps([{"generated_text": "ab"}]).encode(),
        b"[{}]",
    ),
}


def _ask(schema: Schema, primary: Behaviour, alternative: Behaviour, *, stream: bool) -> Got:
    async def story() -> Got:
        async with staged({NAME: use_case(NAME)}) as stage:
            stage.upstream.scripts = {(NAME, "primary"): primary, (NAME, "alternative"): alternative}
            got = await stage.ask({**schema.body, **({"stream": True} if stream else {})}, schema.path)
            assert await stage.stop() == 0
            return got

    return asyncio.run(story())


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize(
    "broken", [b"", b"<html>", b'{"error": "gpu gone"}', None], ids=["empty", "HTML", "error", "cut"]
)
def test_a_whole_answer_that_is_none_falls_over(schema: Schema, broken: bytes | None) -> None:
    bad = whole(schema.cut_answer if broken is None else broken)
    got = _ask(schema, bad, whole(schema.answer), stream=False)
    assert (got.status, got.headers["x-adept-candidate"]) == (200, "alternative")
    assert b"ab" in got.body
    alone = _ask(schema, bad, bad, stream=False)
    assert (alone.status, alone.error["code"]) == (502, "candidates_failed")


BREAKS: dict[str, tuple[tuple[bytes | float, ...], End]] = {
    "stalled": ((), End.HANG),
    "reset": ((0.02,), End.RESET),
    "ended": ((LAST,), End.KEEP),
    "malformed": ((part(BROKEN) + LAST,), End.KEEP),
    "error event": ((part(ERROR + DONE) + LAST,), End.KEEP),
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize(("steps", "end"), BREAKS.values(), ids=BREAKS)
def test_a_stream_that_breaks(schema: Schema, steps: tuple[bytes | float, ...], end: End) -> None:
    """Given a break before the first token, the other one answers; after it, the stream's last event says so."""
    good = streams(part(schema.token + schema.end) + LAST, role=False)
    got = _ask(schema, streams(*steps, end=end, role=False), good, stream=True)
    assert (got.status, got.headers["x-adept-candidate"], got.whole) == (200, "alternative", True)
    assert b"stream_interrupted" not in got.body

    begun = streams(part(schema.token), APART_S, *steps, end=end, role=False)
    got = _ask(schema, begun, good, stream=True)
    assert (got.status, got.headers["x-adept-candidate"], got.whole) == (200, "primary", True)
    first, *_, last = [each for each in got.body.split(b"\n\n") if each]
    assert b'"a"' in first
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "stream_interrupted"
    assert b"[DONE]" not in got.body


def test_a_drain_under_load_loses_no_answer() -> None:
    """Given answers and streams under way, when the router is told to end, then each comes to its end first."""

    async def story() -> None:
        async with staged({NAME: use_case(NAME)}) as stage:
            schema = SCHEMAS["completions"]
            slow = Behaviour((0.5, *whole(schema.answer).steps))
            stream = streams(
                part(schema.token), 0.3, part(schema.token), 0.3, part(schema.end) + LAST, role=False
            )
            stage.upstream.scripts = {(NAME, "primary"): slow, (NAME, "alternative"): stream}
            asked = [stage.ask(schema.body, schema.path) for _ in range(20)]
            told = {**schema.body, "stream": True, "model": f"{NAME}:alternative"}
            asked += [stage.ask(told, schema.path) for _ in range(20)]
            answers = asyncio.gather(*asked)
            while len(stage.upstream.of(NAME)) < 40:
                await asyncio.sleep(0.01)
            assert await stage.stop() == 0
            for number, got in enumerate(await answers):
                assert (got.status, got.whole) == (200, True)
                assert (b"[DONE]" in got.body) == (number >= 20)
            with pytest.raises(OSError, match="Connect call failed"):
                await stage.ask(chat(NAME))

    asyncio.run(story())
