"""The judge of the gateways under faults: every verdict, from the facts that it must rest on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.faulty.case import Attempt, Case, Ended, Facts, Reply, Role, Wants
from benchmarks.faulty.cases import CASES, WELL
from benchmarks.faulty.judge import Finding, Verdict, judge
from benchmarks.faulty.report import table
from benchmarks.faulty.run import Result
from benchmarks.faulty.stream import read
from benchmarks.faulty.wire import answer
from tests.faults.behaviours import DONE, FINISH, ROLE, TEXT, TOKENS
from tests.unit.router.support import completion

ERROR = b'data: {"error": {"message": "gpu lost"}}\n\n'
BROKEN = b"data: {broken\n\n"
PART = ROLE + TOKENS[0]
FULL = b"".join((ROLE, *TOKENS, FINISH, DONE))
ONCE_EACH: tuple[tuple[Role, float], ...] = (("primary", 0.0), ("alternative", 0.1))


def case(wants: Wants, *, streamed: bool = False, **changes: object) -> Case:
    return Case("a fault", streamed, None, None, wants, **changes)  # type: ignore[arg-type]  # fields by name


def facts(
    body: bytes,
    status: int = 200,
    ended: Ended = Ended.WHOLE,
    took_s: float = 0.1,
    attempts: Sequence[tuple[Role, float]] = ONCE_EACH,
) -> Facts:
    return Facts([Reply(status, body, ended, took_s)], [Attempt(role, at_s) for role, at_s in attempts])


def found(asked: Case, got: Facts) -> Finding:
    return judge(asked, got).finding


@pytest.mark.parametrize(
    ("body", "ended", "finding"),
    [
        (completion(TEXT), Ended.WHOLE, Finding.OK),
        (completion(TEXT[:5]), Ended.WHOLE, Finding.TRUNCATED),
        (completion(TEXT)[:60], Ended.WHOLE, Finding.MALFORMED),
        (completion(TEXT)[:60], Ended.CUT, Finding.CUT),
        (b'{"error": {"message": "gpu lost"}}', Ended.WHOLE, Finding.MALFORMED),
    ],
)
def test_a_whole_answer_with_status_200(body: bytes, ended: Ended, finding: Finding) -> None:
    assert found(case(Wants.ANSWER), facts(body, ended=ended)) is finding


@pytest.mark.parametrize(
    ("body", "ended", "finding"),
    [
        (FULL, Ended.WHOLE, Finding.OK),
        (FULL, Ended.CUT, Finding.OK),  # nothing is missing: clients stop at the end marker
        (PART + DONE, Ended.WHOLE, Finding.TRUNCATED),
        (PART, Ended.WHOLE, Finding.TRUNCATED),
        (PART, Ended.CUT, Finding.CUT),
        (PART + BROKEN, Ended.WHOLE, Finding.MALFORMED),
        (PART + BROKEN + DONE, Ended.WHOLE, Finding.MALFORMED),
    ],
)
@pytest.mark.parametrize("wants", [Wants.ANSWER, Wants.END])
def test_a_streamed_answer(wants: Wants, body: bytes, ended: Ended, finding: Finding) -> None:
    assert found(case(wants, streamed=True), facts(body, ended=ended)) is finding


def test_an_error_event_is_the_end_that_is_owed_and_never_the_answer() -> None:
    assert found(case(Wants.END, streamed=True), facts(PART + ERROR)) is Finding.OK
    assert found(case(Wants.END, streamed=True, says=("gpu lost",)), facts(PART + ERROR)) is Finding.OK
    assert found(case(Wants.END, streamed=True, says=("queue full",)), facts(PART + ERROR)) is Finding.MASKED
    assert found(case(Wants.ANSWER, streamed=True), facts(ROLE + ERROR)) is Finding.NO_FALLBACK


def test_the_rest_of_an_answer_may_come_from_the_alternative() -> None:
    continued = PART + FULL
    assert found(case(Wants.END, streamed=True), facts(continued)) is Finding.OK
    assert found(case(Wants.ANSWER, streamed=True), facts(continued)) is Finding.TRUNCATED


@pytest.mark.parametrize(
    ("status", "body", "finding"),
    [
        (503, b"queue full", Finding.OK),
        (500, b"queue full", Finding.MASKED),
        (503, b"something went wrong", Finding.MASKED),
        (200, completion(TEXT), Finding.MASKED),
    ],
)
def test_an_error_has_the_right_class_and_names_the_cause(status: int, body: bytes, finding: Finding) -> None:
    owed = case(Wants.ERROR, statuses=frozenset({429, 503}), says=("queue full",))
    assert found(owed, facts(body, status)) is finding


def test_an_error_where_a_candidate_is_well_is_no_fallback() -> None:
    assert found(case(Wants.ANSWER), facts(b"gpu lost", 500)) is Finding.NO_FALLBACK


def test_whoever_comes_late_or_never_hangs() -> None:
    assert found(case(Wants.ANSWER), facts(completion(TEXT), took_s=5.9)) is Finding.OK
    assert found(case(Wants.ANSWER), facts(completion(TEXT), took_s=6.1)) is Finding.HANG
    assert found(case(Wants.END, streamed=True), facts(PART, ended=Ended.LEFT, took_s=9.0)) is Finding.HANG
    assert found(case(Wants.ANSWER), facts(b"", 0, Ended.CUT)) is Finding.CUT


def test_the_callers_own_mistake_is_put_to_one_candidate_once() -> None:
    owed = case(Wants.ERROR, statuses=frozenset({400}), caller_is_wrong=True)
    assert found(owed, facts(b"", 400, attempts=ONCE_EACH[:1])) is Finding.OK
    assert found(owed, facts(b"", 400)) is Finding.RETRIED


@pytest.mark.parametrize(
    ("at_s", "finding"),
    [
        ((0.0, 0.2, 0.4), Finding.OK),
        ((0.0, 0.2, 0.4, 0.9), Finding.HAMMERED),
        ((0.0, 0.5, 1.0, 1.5), Finding.OK),
    ],
)
def test_three_attempts_in_a_second_are_enough(at_s: Sequence[float], finding: Finding) -> None:
    seen: list[tuple[Role, float]] = [("primary", each) for each in at_s]
    assert found(case(Wants.ANSWER), facts(completion(TEXT), attempts=seen)) is finding


def test_a_retry_after_is_waited_for_by_the_candidate_that_said_it() -> None:
    asked = case(Wants.ANSWER, not_again_s=1.0)
    again: tuple[tuple[Role, float], ...] = (*ONCE_EACH, ("primary", 0.5))
    late: tuple[tuple[Role, float], ...] = (*ONCE_EACH, ("primary", 1.1))
    assert found(asked, facts(completion(TEXT))) is Finding.OK
    assert found(asked, facts(completion(TEXT), attempts=again)) is Finding.HAMMERED
    assert found(asked, facts(completion(TEXT), attempts=late)) is Finding.OK


def test_a_primary_that_is_down_is_not_asked_by_every_request() -> None:
    asked = case(Wants.ANSWER, requests=4, most_primary=2)
    replies = [Reply(200, completion(TEXT), Ended.WHOLE, 0.1)] * 4
    often = Facts(replies, [Attempt("primary", 0.1 * each) for each in range(3)])
    assert found(asked, often) is Finding.HAMMERED
    assert found(asked, Facts(replies, often.attempts[:2])) is Finding.OK


def test_what_the_caller_got_weighs_more_than_what_the_candidates_saw() -> None:
    seen: list[tuple[Role, float]] = [("primary", 0.0)] * 5
    assert found(case(Wants.END, streamed=True), facts(PART + DONE, attempts=seen)) is Finding.TRUNCATED


def test_of_several_replies_the_worst_counts() -> None:
    good = Reply(200, completion(TEXT), Ended.WHOLE, 0.1)
    asked = case(Wants.ANSWER, requests=2)
    assert found(asked, Facts([good, Reply(500, b"", Ended.WHOLE, 0.1)], [])) is Finding.NO_FALLBACK


def test_a_stream_is_read_as_clients_read_it() -> None:
    got = read(FULL.replace(b"\n", b"\r\n").replace(b"data: ", b"data:") + ERROR)
    assert (got.text, got.is_done, got.error) == (TEXT, True, None)


def test_every_case_has_an_address_and_a_line_of_its_own() -> None:
    every = [*WELL, *CASES]
    assert len({each.key for each in every}) == len({each.name for each in every}) == len(every)
    assert all(each.says or not each.caller_is_wrong for each in every)


def test_the_table_counts_what_a_gateway_can_be_put_into() -> None:
    def result(name: str, finding: Finding) -> Result:
        return Result(case(Wants.ANSWER, streamed=name == "b"), "router", Verdict(finding), None)

    shown = table(["router"], [result("a", Finding.OK), result("b", Finding.NOT_APPLICABLE)])
    assert shown.splitlines()[0].split() == ["fault", "router"]
    assert shown.splitlines()[-1].split() == ["ok", "1", "of", "1"]


def test_a_good_answer_on_the_wire_is_the_one_that_is_judged() -> None:
    (sent,) = answer(TEXT).steps
    assert isinstance(sent, bytes)
    assert found(case(Wants.ANSWER), facts(sent.partition(b"\r\n\r\n")[2])) is Finding.OK
