"""The table of the stager's benchmark."""

from __future__ import annotations

from pathlib import Path

from benchmarks.weights.report import STOCK, Link, stager_name, table
from benchmarks.weights.repository import Repository
from benchmarks.weights.runs import Run


def test_shares_are_taken_within_a_round_and_the_table_says_so() -> None:
    # given a machine that slows down in the second round, and again in the third
    mine, its = (1.0, 4.0, 10.0), (1.5, 3.0, 12.0)
    link = Link("loopback", 0.0, None, {stager_name(1): _runs(*mine), STOCK: _runs(*its)})
    repository = Repository(Path("unused"), {"model.safetensors": 12_000_000})

    told = table([link], repository, [1])

    # then it is slower by its median, and faster in most rounds
    slower, faster = link.rates(stager_name(1), 12_000_000).median, link.rates(STOCK, 12_000_000).median
    assert (slower, faster) == (3.0, 4.0)
    assert "1.20 (0.75-1.50)" in told
    assert "x: median of the ratios within each round" in told


def _runs(*seconds: float) -> list[Run]:
    return [Run({"finish": each}) for each in seconds]
