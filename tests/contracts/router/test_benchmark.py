"""The gateways' benchmarks run: every answer is complete, what is signed is taken, and faults are judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_router_answers_everything_under_load_whole_and_streamed() -> None:
    options = ["--subjects", "router", "--rounds", "1", "--seconds", "0.1", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.router", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout or "null")
    assert document is not None, done.stderr
    rounds = [cell["rounds"] for cell in document["cells"]]
    assert len(rounds) == 6
    for own in rounds:
        for figures in [*own["router"], *own["direct"]]:
            assert figures["answers"] > 0
            assert figures["failed"] == 0
    assert (
        document["gateways"]["router"]["rss_mib"] < 60
    )  # the goal is 45, on a machine that does nothing else


def test_a_fault_is_played_to_the_router_and_judged() -> None:
    options = ["--gateways", "router", "--only", "both: 500", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole, streamed = json.loads(done.stdout)["cases"]
    for case in (whole, streamed):
        own = case["gateways"]["router"]
        assert own["verdict"] == "ok"
        assert [attempt["role"] for attempt in own["attempts"]] == ["primary", "alternative"]
        assert "gpu lost" in own["replies"][0]["body"]
