"""What the caller got, what the upstream saw and what the log says, held against what must be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.faults.behaviours import TEXT, WORDS
from tests.faults.oracle import Expected
from tests.faults.stage import LIMITS, SLACK_S, STREAMS, Got
from tests.faults.upstream import Seen

SWAP_S = 0.2  # a connection that the router has dropped is noticed about when the next one arrives


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: what must be, and what was. `logged` are the roles of the attempts in the log's line."""

    name: str
    expected: Expected
    got: Got
    seen: Sequence[Seen]
    logged: Sequence[str]
    streamed: bool
    wordless: bool  # a candidate hangs up without a word: on a kept connection that is told by a new one, a second time


def faults_of(outcome: Outcome) -> list[str]:
    """Everything that is wrong; empty when all is as it must be."""
    return [f"{outcome.name}: {fault}" for fault in _faults(outcome)]


def is_a_lie(outcome: Outcome) -> bool:
    """Whether something was passed off as the whole answer that is not."""
    got = outcome.got
    if got.status != 200:
        return False
    if outcome.streamed:
        text, last = read_stream(got.body)
        return last == "[DONE]" and text != TEXT
    return text_of(got) != TEXT


def text_of(got: Got) -> str | None:
    """The text of a whole answer; None where there is none."""
    try:
        text: str | None = json.loads(got.body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError):
        return None
    return text


def _faults(outcome: Outcome) -> Iterator[str]:
    got, expected = outcome.got, outcome.expected
    limit_s = (STREAMS if outcome.streamed else LIMITS)["timeout_ms"] / 1000
    if got.took_s > limit_s + SLACK_S:
        yield f"took {got.took_s:.2f} s of {limit_s} s"
    if got.status != expected.status:
        yield f"status {got.status} instead of {expected.status}: {got.body[:200]!r}"
        return
    if not got.whole:
        yield "the body was cut"
    if got.headers.get("x-adept-candidate") != expected.by:
        yield f"answered by {got.headers.get('x-adept-candidate')} instead of {expected.by}"
    yield from _content_faults(outcome)
    yield from _upstream_faults(outcome)


def _content_faults(outcome: Outcome) -> Iterator[str]:
    got, expected = outcome.got, outcome.expected
    if got.status == 200 and outcome.streamed:
        text, last = read_stream(got.body)
        if not expected.code:
            if (text, last) != (TEXT, "[DONE]"):
                yield f"no whole stream: {text!r}, {last!r}"
            return
        if not isinstance(last, dict) or b"[DONE]" in got.body:
            yield f"a broken stream passed off as whole: {got.body[-200:]!r}"
            return
        if not text.startswith(WORDS[0]):
            yield f"what the caller had is no part of the answer: {text!r}"
        yield from _error_faults(last["error"], expected)
    elif got.status == 200:
        if text_of(got) != TEXT:
            yield "not the answer"
    else:
        yield from _error_faults(got.error, expected)
        if got.status in (429, 503) and not int(got.headers.get("retry-after", "0")) >= 1:
            yield "no retry-after"


def _error_faults(error: dict[str, Any], expected: Expected) -> Iterator[str]:
    if set(error) != {"message", "type", "param", "code"}:
        yield f"not OpenAI's error: {sorted(error)}"
    if error["code"] != expected.code:
        yield f"code {error['code']} instead of {expected.code}: {error['message']}"
    for words in expected.says:
        if words not in error["message"]:
            yield f"{words!r} is masked: {error['message']!r}"


def _upstream_faults(outcome: Outcome) -> Iterator[str]:
    primary = [seen for seen in outcome.seen if seen.variant == "primary"]
    alternative = [seen for seen in outcome.seen if seen.variant == "alternative"]
    asked = len(primary), len(alternative)
    most = tuple(count + outcome.wordless if count else 0 for count in outcome.expected.asked)
    if not all(least <= n <= top for least, n, top in zip(outcome.expected.asked, asked, most, strict=True)):
        yield f"the upstream saw {asked} attempts instead of {outcome.expected.asked}"
    told = int(outcome.got.headers.get("x-adept-attempts", "-1"))
    turns = sum(outcome.expected.asked)
    fewest = sum(map(bool, outcome.expected.asked)) if outcome.wordless else turns
    if not fewest <= told <= turns or len(outcome.logged) != told:
        yield f"the caller is told of {told} attempts, the log of {list(outcome.logged)}"
    for seen in outcome.seen:
        if seen.over_s is None or seen.over_s > outcome.got.ended_s + SLACK_S:
            yield f"the connection to {seen.variant} stays open"
    for before, after in pairwise(sorted(outcome.seen, key=lambda seen: seen.at_s)):
        overlap = before.over_s is None or after.at_s < before.over_s - SWAP_S
        if overlap and not (outcome.expected.beside and before.variant != after.variant):
            yield "two attempts at once"


def read_stream(body: bytes) -> tuple[str, Any]:
    """(Text, last event) of a rendered stream; the end marker stays text."""
    text, last = "", None
    for line in body.decode().split("\n\n"):
        data = line.removeprefix("data: ")
        if not data:
            continue
        last = data if data == "[DONE]" else json.loads(data)
        if isinstance(last, dict) and last.get("choices"):
            text += last["choices"][0]["delta"].get("content") or ""
    return text, last
