"""Progress over bytes: what a log says, and that several threads may add."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from endpoints.commands import byte_bars
from endpoints.commands.byte_bars import ByteBars, progress_line, short_name


@pytest.mark.parametrize(
    ("done", "total", "rate", "line"),
    [
        (3_200_000_000, 16_060_000_000, 120e6, "3.20 of 16.06 GB, 120 MB/s, 2 min left"),
        (15_000_000_000, 16_000_000_000, 50e6, "15.00 of 16.00 GB, 50 MB/s, 20 s left"),
        (1_000_000_000, None, 50e6, "1.00 GB, 50 MB/s"),
        (0, 16_000_000_000, 0.0, "0.00 of 16.00 GB, 0 MB/s"),
    ],
)
def test_a_line_for_a_log(done: int, total: int | None, rate: float, line: str) -> None:
    assert progress_line(done, total, rate) == line


def test_a_bar_has_a_short_name() -> None:
    assert short_name("meta-llama/Llama-3.1-8B-Instruct@0e9e39f249a1") == "Llama-3.1-8B-Instruct@0e9e39f2"
    assert short_name("in all") == "in all"


def test_a_log_hears_of_all_together_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(byte_bars, "LINE_EVERY_S", 0.0)
    with ByteBars({"a/one@1": 2_000_000_000, "a/two@2": None}) as bars:
        bars.add("a/one@1", 500_000_000)
        bars.set("a/two@2", 250_000_000, total=1_000_000_000, note="proving every byte")

    first, second = capfd.readouterr().err.splitlines()
    assert "0.50 GB" in first
    assert "0.75 of 3.00 GB" in second
    assert second.endswith("proving every byte")


def test_threads_add_up() -> None:
    with ByteBars({"x": 1_000}) as bars, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: bars.add("x", 1), range(1_000)))

    assert bars.done_bytes == 1_000


def test_what_is_copied_twice_after_a_fault_is_not_shown_as_more_than_all() -> None:
    with ByteBars({"x": 10}) as bars:
        bars.add("x", 8)
        bars.add("x", 8)

    assert bars.done_bytes == 10
