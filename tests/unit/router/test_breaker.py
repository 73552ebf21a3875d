"""The circuit breaker: its three states, and what it must never do, whatever happens to it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from lambdas.router.asking.breaker import Breaker, Permit, State
from lambdas.router.route_table import BreakerSettings

SETTINGS = BreakerSettings(window_s=10, min_requests=4, failure_percent=50, open_s=5, max_open_s=20)


def admitted(breaker: Breaker, now_s: float) -> Permit:
    permit = breaker.admit(now_s)
    assert permit is not None
    return permit


def fail(breaker: Breaker, now_s: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(admitted(breaker, now_s), now_s)


def opened(now_s: float = 0.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    fail(breaker, now_s, 4)
    assert breaker.state(now_s) is State.OPEN
    return breaker


def test_a_few_failures_do_not_open_it() -> None:
    breaker = Breaker(SETTINGS)
    fail(breaker, 0, 3)
    assert breaker.admits(0)


def test_it_opens_when_enough_of_enough_requests_failed() -> None:
    breaker = Breaker(SETTINGS)
    for second in range(3):
        breaker.succeeded(admitted(breaker, second), second)
    fail(breaker, 3, 2)  # 2 of 5
    assert breaker.admits(3)
    fail(breaker, 3)  # 3 of 6
    assert breaker.admit(3) is None


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    breaker = Breaker(SETTINGS)
    fail(breaker, 0, 3)
    breaker.succeeded(admitted(breaker, 9), 9)
    fail(breaker, 10.5, 2)  # 2 of 3 in the window
    assert breaker.admits(10.5)


def test_failures_in_a_row_open_it_however_long_each_took() -> None:
    """A process that serves one request at a time sees few time-outs of ten seconds in any window."""
    breaker = Breaker(SETTINGS)
    for second in (0, 60, 120):
        fail(breaker, second)
    assert breaker.admits(120)
    fail(breaker, 180)
    assert breaker.admit(180) is None


def test_when_the_wait_is_over_exactly_one_request_is_the_probe() -> None:
    breaker = opened()
    assert breaker.admit(4.9) is None
    assert admitted(breaker, 5.0).state is State.HALF_OPEN
    assert breaker.state(5.0) is State.HALF_OPEN
    assert [breaker.admit(now) for now in (5.0, 6.0, 600.0)] == [None] * 3


def test_a_probe_that_succeeds_closes_it_with_a_clean_slate() -> None:
    breaker = opened()
    breaker.succeeded(admitted(breaker, 5), 5.1)
    fail(breaker, 5.2, 3)
    assert breaker.admits(5.2)


def test_each_probe_that_fails_doubles_the_wait_up_to_its_bound() -> None:
    breaker, now_s, waits = opened(), 5.0, []
    for _ in range(4):
        breaker.failed(admitted(breaker, now_s), now_s)
        waits.append(breaker.shut_for_s(now_s))
        now_s += waits[-1]
    assert waits == [10, 20, 20, 20]


def test_a_probe_that_is_dropped_lets_the_next_request_be_the_probe() -> None:
    breaker = opened()
    breaker.dropped(admitted(breaker, 5))
    assert admitted(breaker, 5).state is State.HALF_OPEN


def test_late_news_of_an_earlier_state_changes_nothing() -> None:
    """Given permits from before it opened; then neither their successes nor their failures count."""
    breaker = Breaker(SETTINGS)
    old = [admitted(breaker, 0) for _ in range(2)]
    fail(breaker, 0, 4)
    breaker.succeeded(old[0], 1)
    assert breaker.admit(1) is None
    breaker.succeeded(admitted(breaker, 5), 5)
    breaker.failed(old[1], 5)
    fail(breaker, 5, 3)
    assert breaker.admits(5)


def test_the_least_bad_that_answers_all_the_same_may_be_probed_at_once() -> None:
    breaker = opened()
    breaker.succeeded(breaker.insist(), 1)
    assert admitted(breaker, 1).state is State.HALF_OPEN


def test_the_least_bad_that_fails_again_waits_no_longer_for_it() -> None:
    breaker = opened()
    assert breaker.failed(breaker.insist(), 1) is False
    assert breaker.shut_for_s(1) == 4


def test_what_another_process_found_opens_it_and_does_not_prolong_it() -> None:
    breaker = Breaker(SETTINGS)
    breaker.open_for(0, 3)
    breaker.open_for(1, 30)
    assert breaker.admit(2.9) is None
    assert admitted(breaker, 3).state is State.HALF_OPEN


def test_what_another_process_said_is_believed_for_the_longest_wait_and_never_shortens_our_own() -> None:
    breaker = Breaker(SETTINGS)
    breaker.open_for(0, 1e9)
    assert breaker.shut_for_s(0) == SETTINGS.max_open_s
    breaker = Breaker(SETTINGS)
    breaker.open_for(0, 0.1)
    breaker.failed(admitted(breaker, 0.1), 0.1)
    assert breaker.shut_for_s(0.1) == 2 * SETTINGS.open_s


def test_a_stream_that_breaks_later_counts_while_it_is_closed_and_never_moves_a_probe() -> None:
    breaker = Breaker(SETTINGS)
    for _ in range(4):
        breaker.failed(breaker.late_permit(), 0)
    assert breaker.admit(0) is None
    probe = admitted(breaker, 5)
    breaker.failed(breaker.late_permit(), 5)
    breaker.succeeded(probe, 5)
    assert breaker.admits(5)


@given(
    outcomes=st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60),
    percent=st.integers(1, 100),
    least=st.integers(1, 10),
)
def test_it_opens_exactly_when_the_window_says_so(
    outcomes: list[tuple[float, bool]], percent: int, least: int
) -> None:
    """Against a model that keeps every outcome and counts anew each time."""
    rules = BreakerSettings(window_s=5, min_requests=least, failure_percent=percent, open_s=5, max_open_s=5)
    breaker, seen, now_s, in_a_row = Breaker(rules), list[tuple[int, bool]](), 0.0, 0
    for pause_s, good in outcomes:
        now_s += pause_s
        permit = breaker.admit(now_s)
        assert permit is not None
        (breaker.succeeded if good else breaker.failed)(permit, now_s)
        seen.append((int(now_s), good))
        recent = [was_good for second, was_good in seen if second > int(now_s) - rules.window_s]
        bad, in_a_row = recent.count(False), 0 if good else in_a_row + 1
        share = len(recent) >= least and 100 * bad >= percent * len(recent)
        opens = not good and (share or in_a_row >= least)
        assert breaker.admits(now_s) is not opens
        if opens:
            return


class BreakerLife(RuleBasedStateMachine):
    """Any order of requests, outcomes, losses and pauses."""

    permits: Bundle[Permit] = Bundle("permits")

    @initialize()
    def begin(self) -> None:
        self.breaker = Breaker(SETTINGS)
        self.now_s = 0.0
        self.probes_out: set[int] = set()

    @rule(seconds=st.floats(0.01, 30))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(target=permits)
    def request(self) -> Permit | MultipleResults[Permit]:
        admits = self.breaker.admits(self.now_s)
        permit = self.breaker.admit(self.now_s)
        assert (permit is not None) == admits
        if permit is None:
            return multiple()
        if permit.state is State.HALF_OPEN:
            assert not self.probes_out, "a second probe while one is out"
            self.probes_out = {permit.epoch}
        return permit

    @rule(target=permits)
    def insist(self) -> Permit:
        return self.breaker.insist()

    @rule(permit=consumes(permits))
    def succeed(self, permit: Permit) -> None:
        closed = self.breaker.succeeded(permit, self.now_s)
        assert closed == (permit.epoch in self.probes_out and permit.state is State.HALF_OPEN)
        self._given_back(permit)

    @rule(permit=consumes(permits))
    def fail(self, permit: Permit) -> None:
        was_open = self.breaker.state(self.now_s) is not State.CLOSED
        opened = self.breaker.failed(permit, self.now_s)
        if permit.epoch in self.probes_out and permit.state is State.HALF_OPEN:
            assert opened
        elif was_open:
            assert not opened, "only its probe's failure moves an open breaker"
        self._given_back(permit)

    @rule(permit=consumes(permits))
    def drop(self, permit: Permit) -> None:
        self.breaker.dropped(permit)
        self._given_back(permit)

    @rule()
    def somebody_else_found_it_failing(self) -> None:
        self.breaker.open_for(self.now_s, 3.0)

    @invariant()
    def it_is_never_stuck(self) -> None:
        """Unless a probe is out, it lets a request through after the longest wait at the latest."""
        if not self.probes_out:
            assert self.breaker.admits(self.now_s + SETTINGS.max_open_s)

    @invariant()
    def it_waits_no_longer_than_it_may(self) -> None:
        rounding_s = 1e-9
        assert 0 <= self.breaker.shut_for_s(self.now_s) <= SETTINGS.max_open_s + rounding_s

    def _given_back(self, permit: Permit) -> None:
        if permit.state is State.HALF_OPEN:
            self.probes_out.discard(permit.epoch)


TestBreakerLife = BreakerLife.TestCase
TestBreakerLife.settings = settings(max_examples=60, stateful_step_count=40)
