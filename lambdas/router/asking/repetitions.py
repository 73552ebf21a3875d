"""Who is asked again: those whose fault passes, each after its wait, as often as the route says. Pure."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.router.asking.backoff import wait_s
from lambdas.router.failures import FailureKind, UpstreamError, Verdict
from lambdas.router.route_table import Candidate, Retries


class Repetitions:
    """Those of one request that are to come. Its length is their number."""

    __slots__ = ("_due", "_random", "_retries", "_throttled", "_tries")

    def __init__(self, retries: Retries, random: Callable[[], float]) -> None:
        self._retries = retries
        self._random = random
        self._due: list[tuple[float, Candidate]] = []  # (not before, whom)
        self._tries: dict[str, int] = {}  # by role
        self._throttled = ""  # the first role that met the account's throttle

    def __len__(self) -> int:
        return len(self._due)

    @property
    def due_s(self) -> float:
        """When the next one is due. There must be one."""
        return min(due_s for due_s, _ in self._due)

    def take(self) -> Candidate:
        """Whom to ask next."""
        self._due.sort(key=lambda each: each[0])
        return self._due.pop(0)[1]

    def note(self, candidate: Candidate, verdict: Verdict, fault: UpstreamError, now_s: float) -> None:
        """A candidate has failed: it is asked again if that may help, and was not done often enough."""
        if not verdict.passes or not self._may_ask(candidate, verdict):
            return
        tries = self._tries[candidate.role] = self._tries.get(candidate.role, 0) + fault.asked
        if tries <= self._retries.per_candidate:
            pause_s = wait_s(self._retries, tries, fault.retry_after_s, self._random)
            self._due.append((now_s + pause_s, candidate))

    def has_failed(self, candidate: Candidate) -> bool:
        """Whether it has been asked before, and its fault was one that passes."""
        return candidate.role in self._tries

    def keep_longer_than(self, tokens: int) -> None:
        """Only a longer context helps."""
        self._due = [each for each in self._due if each[1].max_total_tokens > tokens]

    def clear(self) -> None:
        """No time is left for any."""
        self._due.clear()

    def _may_ask(self, candidate: Candidate, verdict: Verdict) -> bool:
        """Where the account itself is throttled, every attempt adds to it: one candidate alone is asked again."""
        if verdict.kind is not FailureKind.OVERLOADED or verdict.blames:
            return True
        self._throttled = self._throttled or candidate.role
        return candidate.role == self._throttled
