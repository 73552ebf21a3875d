"""The arithmetic of the gateways' benchmark."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.gateways.figures import (
    ADDED_P50,
    ADDED_P99,
    CPU,
    RSS_MIB,
    THROUGHPUT,
    ratios,
    summary,
)
from benchmarks.gateways.load import Figures

DIRECT = Figures(answers=10, failed=0, per_second=1000, p50_ms=1, p99_ms=2, first_byte_p50_ms=1)
ROUTER = replace(DIRECT, per_second=500, p50_ms=2, p99_ms=4, cpu_us=100)
OTHER = replace(DIRECT, per_second=100, p50_ms=11, p99_ms=22, cpu_us=400, failed=1)
ROUNDS = {"direct": [DIRECT, DIRECT], "router": [ROUTER, ROUTER], "other": [OTHER, replace(OTHER, p50_ms=5)]}


def test_what_a_gateway_adds_is_compared_within_each_round() -> None:
    found = ratios(ROUNDS, "other")
    added = found[ADDED_P50]
    assert (added.median, added.low, added.high) == pytest.approx((0.175, 0.1, 0.25))
    assert found[ADDED_P99].median == pytest.approx(0.1)
    assert found[THROUGHPUT].median == 5
    assert found[CPU].median == 0.25


def test_a_summary_holds_what_is_added_and_every_failure() -> None:
    found = summary(ROUNDS, "other")
    assert (found.added_p50_ms.low, found.added_p50_ms.high) == (4, 10)
    assert found.failed == 2


def test_goals_are_limits_on_either_side() -> None:
    assert THROUGHPUT.holds(5.0)
    assert not THROUGHPUT.holds(4.9)
    assert RSS_MIB.holds(45.0)
    assert not RSS_MIB.holds(45.1)
