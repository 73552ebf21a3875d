"""Whether something grows: Theil and Sen's slope, which a few wild samples do not move."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median


def growth(times_s: Sequence[float], values: Sequence[float]) -> float:
    """By how much the values grow over all the time: the median of all slopes between two samples, times the time.

    Raises ValueError for fewer than two samples.
    """
    if len(times_s) < 2:
        raise ValueError("a slope needs two samples")
    pairs = combinations(zip(times_s, values, strict=True), 2)
    slopes = [(after - before) / (later - sooner) for (sooner, before), (later, after) in pairs]
    return median(slopes) * (times_s[-1] - times_s[0])
