"""The stager's benchmark runs: everybody brings every byte, and the stager's workers write none to a disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_stager_and_the_stock_clients_bring_the_same_files() -> None:
    options = ["--quick", "--rounds", "1", "--workers", "2", "--links", "limited", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.staging", *options, "--mb-per-s-per-connection", "40"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout or "null")
    assert document is not None, done.stderr
    (link,) = document["links"]
    (stager,), (stock,) = (way["rounds"] for way in link["ways"])
    several_parts = sum(size for size in document["files"].values() if size > 5 * 1024 * 1024)
    assert (stager["disk_bytes"], stager["read_back_bytes"]) == (0, several_parts)
    assert stock["disk_bytes"] >= document["total_bytes"]
