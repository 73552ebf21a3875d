"""Facts -> verdict, by the rules that `benchmarks/faults.py` states. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from benchmarks.faulty.case import Attempt, Case, Ended, Facts, Reply, Role, Wants
from benchmarks.faulty.stream import Read, read
from tests.faults.behaviours import TEXT, WORDS

DEADLINE_S = 5.0
SLACK_S = 1.0  # two shared cores
MOST_IN_A_SECOND = 3  # attempts of one candidate for one request
_EARLY_S = 0.05  # clocks


class Finding(Enum):
    """In a word. The first one that holds, from the worst for the caller on."""

    HANG = "hang"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    CUT = "cut"
    NO_FALLBACK = "no fallback"
    MASKED = "masked"
    RETRIED = "retried"
    HAMMERED = "hammered"
    OK = "ok"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Verdict:
    """`why`: the captured fact that it rests on."""

    finding: Finding
    why: str = ""


_WELL = Verdict(Finding.OK)


def judge(case: Case, facts: Facts) -> Verdict:
    """What the caller got comes first, then what the candidates saw."""
    found = [_of_reply(case, reply, facts) for reply in facts.replies]
    found.append(_of_attempts(case, facts.attempts))
    order = list(Finding)
    return min(found, key=lambda verdict: order.index(verdict.finding))


def _of_reply(case: Case, reply: Reply, facts: Facts) -> Verdict:
    if reply.ended is Ended.LEFT:
        return Verdict(Finding.HANG, f"nothing but {len(reply.body)} bytes in {reply.took_s:.1f} s")
    if reply.took_s > DEADLINE_S + SLACK_S:
        return Verdict(Finding.HANG, f"{reply.status} after {reply.took_s:.1f} s")
    if reply.status == 0:
        return Verdict(Finding.CUT, "the connection ended without a word")
    if reply.status == 200:
        return _of_stream(case, reply) if case.streamed else _of_whole(case, reply)
    return _of_error(case, reply, facts)


def _of_error(case: Case, reply: Reply, facts: Facts) -> Verdict:
    said = reply.body.decode(errors="replace")
    if case.wants is Wants.ANSWER:
        asked = sum(attempt.role == "alternative" for attempt in facts.attempts)
        return Verdict(Finding.NO_FALLBACK, f"{reply.status}, alternative asked {asked} times: {said[:160]}")
    if reply.ended is Ended.CUT:
        return Verdict(Finding.CUT, f"{reply.status}, and the error itself was cut")
    if case.statuses and reply.status not in case.statuses:
        return Verdict(Finding.MASKED, f"status {reply.status}: {said[:160]}")
    return _named(case, said)


def _named(case: Case, said: str) -> Verdict:
    """Whether an error tells the cause."""
    if case.says and not any(words in said for words in case.says):
        return Verdict(Finding.MASKED, f"{' or '.join(case.says)!r} is not in {said[:160]!r}")
    return _WELL


def _of_whole(case: Case, reply: Reply) -> Verdict:
    """A 200 that is not streamed."""
    if reply.ended is Ended.CUT:
        return Verdict(Finding.CUT, f"200, {len(reply.body)} bytes, and the connection ended")
    try:
        document = json.loads(reply.body)
        text = document["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return Verdict(Finding.MALFORMED, f"200 with {reply.body[:120]!r}")
    if text != TEXT:
        return Verdict(Finding.TRUNCATED, f"200 with the text {text!r}")
    return _WELL if case.wants is not Wants.ERROR else Verdict(Finding.MASKED, "an answer where none is")


def _of_stream(case: Case, reply: Reply) -> Verdict:
    """A 200 that is streamed."""
    got = read(reply.body)
    if got.is_malformed:
        return Verdict(Finding.MALFORMED, f"after {got.text!r} an event that is no JSON")
    if got.error is not None:
        return _of_error_event(case, got, got.error)
    if got.is_done or reply.ended is Ended.WHOLE:
        return _of_ended_stream(case, got)
    return Verdict(Finding.CUT, f"after {got.text!r} the connection ended without a word")


def _of_ended_stream(case: Case, got: Read) -> Verdict:
    """It ended as streams end."""
    continued = WORDS[0] + TEXT  # the alternative cannot know what the caller has: it says all of it
    if got.is_done and (got.text == TEXT or (case.wants is Wants.END and got.text == continued)):
        return _WELL if case.wants is not Wants.ERROR else Verdict(Finding.MASKED, "an answer where none is")
    marker = "with its end marker" if got.is_done else "in order, without end marker or error"
    return Verdict(Finding.TRUNCATED, f"the text {got.text!r} ended {marker}")


def _of_error_event(case: Case, got: Read, error: str) -> Verdict:
    if case.wants is Wants.ANSWER:
        return Verdict(Finding.NO_FALLBACK, f"after {got.text!r} the error {error[:160]}")
    return _named(case, error)


def _of_attempts(case: Case, attempts: Sequence[Attempt]) -> Verdict:
    if case.caller_is_wrong and len(attempts) > 1:
        return Verdict(Finding.RETRIED, f"asked {len(attempts)} times: {_told(attempts)}")
    by_role: dict[Role, list[float]] = {
        "primary": [each.at_s for each in attempts if each.role == "primary"],
        "alternative": [each.at_s for each in attempts if each.role == "alternative"],
    }
    if case.most_primary is not None and len(by_role["primary"]) > case.most_primary:
        asked = len(by_role["primary"])
        return Verdict(
            Finding.HAMMERED, f"{asked} attempts of a primary that is down, {case.requests} requests"
        )
    if case.requests == 1:
        for role, times_s in by_role.items():
            if _in_a_second(times_s) > MOST_IN_A_SECOND:
                return Verdict(Finding.HAMMERED, f"{role} asked {_in_a_second(times_s)} times in a second")
            if any(after - before < case.not_again_s - _EARLY_S for before, after in pairwise(times_s)):
                asked_for = f"asked for {case.not_again_s:g} s of peace"
                return Verdict(Finding.HAMMERED, f"{role} {asked_for}: {_told(attempts)}")
    return _WELL


def _in_a_second(times_s: Sequence[float]) -> int:
    """The most attempts within any one second."""
    return max((sum(0 <= each - first < 1.0 for each in times_s) for first in times_s), default=0)


def _told(attempts: Sequence[Attempt]) -> str:
    return ", ".join(f"{each.role} at {each.at_s:.2f} s" for each in attempts)
