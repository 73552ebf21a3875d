"""Every fault alone, every fault with a healthy candidate beside it, and every pair of faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from statistics import mean

import pytest

from tests.faults.before import BEFORE, WELL
from tests.faults.fault import Fault
from tests.faults.judge import Outcome, faults_of, is_a_lie
from tests.faults.oracle import expected
from tests.faults.stage import RETRIES, Got, chat, staged, use_case
from tests.faults.streamed import STREAMED, WELL_STREAMED
from tests.faults.upstream import Seen
from tests.faults.wholes import WHOLE

IN_FLIGHT = 96
IN_CALM = 8
MAY_BE_STARVED = 0.05
WORDLESS = ("hangs up without a word", "resets without a word")


@dataclass(frozen=True, slots=True)
class Case:
    """The faults of the primary and of the alternative; None: there is no alternative."""

    primary: Fault
    alternative: Fault | None
    streamed: bool

    @property
    def name(self) -> str:
        other = self.alternative.name if self.alternative else "alone"
        return f"{'streamed' if self.streamed else 'whole'}, {self.primary.name} x {other}"


def _cases(faults: Sequence[Fault], well: Fault, *, streamed: bool) -> Iterator[Case]:
    for primary in (well, *faults):
        for alternative in (None, well, *faults):
            if primary is not well or alternative is well:
                yield Case(primary, alternative, streamed)


def _repeats(case: Case) -> bool:
    """What a stream cannot differ in from a whole answer: both candidates fail before they begin to answer."""
    return case.streamed and case.primary in BEFORE and case.alternative in BEFORE


CASES = [
    *_cases(WHOLE, WELL, streamed=False),
    *(case for case in _cases(STREAMED, WELL_STREAMED, streamed=True) if not _repeats(case)),
]


@pytest.fixture(scope="module")
def outcomes() -> dict[Case, Outcome]:
    """All cases, many at a time: each has a use case and an endpoint of its own, so that none knows of another."""
    return asyncio.run(_play_all())


async def _play_all() -> dict[Case, Outcome]:
    """A machine that is busy with something else makes everything late: what is wrong then is played again in calm.

    Only a few may be, and never what was passed off as an answer.
    """
    mixed = Random(1).sample(CASES, len(CASES))  # noqa: S311 - so that the costly ones do not come together
    outcomes = await _play(mixed, IN_FLIGHT)
    late = [case for case, each in outcomes.items() if faults_of(each) and not is_a_lie(each)]
    if late and len(late) <= MAY_BE_STARVED * len(CASES):
        outcomes |= await _play(late, IN_CALM)
    return outcomes


async def _play(cases: Sequence[Case], in_flight: int) -> dict[Case, Outcome]:
    names = {case: f"case-{number}" for number, case in enumerate(cases)}
    table = {name: use_case(name, alone=case.alternative is None) for case, name in names.items()}
    free = asyncio.Semaphore(in_flight)
    async with staged(table) as stage:

        async def play(case: Case) -> Got:
            async with free:
                stage.upstream.scripts[names[case], "primary"] = case.primary.answer
                if case.alternative is not None:
                    stage.upstream.scripts[names[case], "alternative"] = case.alternative.answer
                return await stage.ask(chat(names[case], stream=case.streamed))

        got = await asyncio.gather(*(play(case) for case in cases))
        assert await stage.stop() == 0
        logged = {line["use_case"]: [each["role"] for each in line["attempts"]] for line in stage.log()}
        seen = stage.upstream.by_endpoint()
    return {
        case: _outcome(case, each, seen[names[case]], logged[names[case]])
        for case, each in zip(cases, got, strict=True)
    }


def _outcome(case: Case, got: Got, seen: Sequence[Seen], logged: Sequence[str]) -> Outcome:
    return Outcome(
        case.name,
        expected(case.primary, case.alternative, streamed=case.streamed),
        got,
        seen,
        logged,
        case.streamed,
        wordless=any(
            fault is not None and fault.name in WORDLESS for fault in (case.primary, case.alternative)
        ),
    )


def _id(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", [case for case in CASES if case.alternative is None], ids=_id)
def test_alone_it_is_told_as_it_is(case: Case, outcomes: dict[Case, Outcome]) -> None:
    assert not faults_of(outcomes[case])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_with_a_healthy_candidate_beside_it(streamed: bool, outcomes: dict[Case, Outcome]) -> None:
    """Given any fault of the primary, when the alternative is well, then it answers unless nobody else may."""
    wrong = [
        fault
        for case, outcome in outcomes.items()
        if case.streamed is streamed and case.alternative in (WELL, WELL_STREAMED)
        for fault in faults_of(outcome)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_in_pairs(streamed: bool, outcomes: dict[Case, Outcome]) -> None:
    """Given a fault of the primary and a fault of the alternative, then both are told and neither is hammered."""
    wrong = [
        fault
        for case, outcome in outcomes.items()
        if case.streamed is streamed and case.alternative not in (None, WELL, WELL_STREAMED)
        for fault in faults_of(outcome)
    ]
    assert not wrong, f"{len(wrong)} faults\n" + "\n".join(wrong[:60])


def test_whoever_is_asked_again_is_left_alone_for_a_while(outcomes: dict[Case, Outcome]) -> None:
    """Given all repetitions of one candidate alone, then their waits are spread: full jitter, never none at all."""
    waits_s = [
        after.at_s - before.over_s
        for case, outcome in outcomes.items()
        if case.alternative is None and case.primary.again and case.primary.name not in WORDLESS
        for before, after in pairwise(outcome.seen)
        if before.over_s is not None
    ]
    assert len(waits_s) > 15
    assert mean(waits_s) > 0.3 * RETRIES["base_ms"] / 1000
