"""The scripted SageMaker of the fault suite, with faults sprinkled in: most requests are answered well."""

from __future__ import annotations

from random import Random

from tests.faults.behaviours import good_answer, good_stream
from tests.faults.fault import Fault
from tests.faults.streamed import STREAMED
from tests.faults.upstream import Behaviour, ScriptedSageMaker
from tests.faults.wholes import WHOLE

WHOLE_USE_CASE, STREAMED_USE_CASE = "whole", "streamed"
FAULTY = 0.08  # of the requests that the upstream sees
SLOW = 0.02  # of the faulty ones: each costs its caller the whole limit
_LARGE = ("too large", "an event without end")  # megabytes each: they would be the load


class SprinkledSageMaker(ScriptedSageMaker):
    """Answers by the endpoint's name, whole or streamed. The same seed makes the same faults."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.remembers = False
        self.faults = 0
        self._random = Random(seed)  # noqa: S311 - reproducible is what it must be
        self._well = {WHOLE_USE_CASE: good_answer(), STREAMED_USE_CASE: good_stream()}
        self._faulty = {WHOLE_USE_CASE: _sorted(WHOLE), STREAMED_USE_CASE: _sorted(STREAMED)}

    def next_behaviour(self, endpoint: str, variant: str) -> Behaviour:  # noqa: ARG002 - both fail alike
        if self._random.random() >= FAULTY:
            return self._well[endpoint]
        self.faults += 1
        slow, quick = self._faulty[endpoint]
        return self._random.choice(slow if self._random.random() < SLOW else quick)


def _sorted(faults: tuple[Fault, ...]) -> tuple[list[Behaviour], list[Behaviour]]:
    """The slow ones and the others, without the large ones."""
    taken = [fault for fault in faults if fault.name not in _LARGE]
    return [each.answer for each in taken if each.slow], [each.answer for each in taken if not each.slow]
