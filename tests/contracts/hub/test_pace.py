"""A Hub whose connections are as slow as one is told: what several of them bring can be seen on a loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from endpoints.local.hub import HubRepository, Pace
from tests.contracts.hub.conftest import CONTENT, OPEN, SHA
from tests.support.hub import RunningHub, running_hub

SHARD = "model-00001-of-00002.safetensors"
DATA = CONTENT[SHARD]
WHOLE_S = 1.2
LATENCY_S = 0.1


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder = tmp_path_factory.mktemp("slow")
    (folder / SHARD).write_bytes(DATA)
    repository = HubRepository(OPEN, {SHA: folder})
    with running_hub(repository, pace=Pace(LATENCY_S, len(DATA) / WHOLE_S)) as hub:
        yield hub


def _get(hub: RunningHub, asked: str = "") -> bytes:
    """With a connection of its own."""
    headers = {"range": asked} if asked else {}
    url = f"{hub.url}/{OPEN}/resolve/{SHA}/{SHARD}"
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=10) as client:
        return client.get(url, headers=headers).content


def test_one_connection_gets_its_rate_after_the_latency_of_each_answer(slow: RunningHub) -> None:
    began_s = time.monotonic()
    assert _get(slow) == DATA
    assert time.monotonic() - began_s >= 2 * LATENCY_S + 0.9 * WHOLE_S


def test_four_ranges_at_once_get_four_times_as_much(slow: RunningHub) -> None:
    quarter = len(DATA) // 4
    ranges = [
        f"bytes={start}-{min(start + quarter, len(DATA)) - 1}" for start in range(0, len(DATA), quarter)
    ]
    began_s = time.monotonic()
    with ThreadPoolExecutor(len(ranges)) as pool:
        assert b"".join(pool.map(lambda asked: _get(slow, asked), ranges)) == DATA
    assert time.monotonic() - began_s < 2 * LATENCY_S + 0.9 * WHOLE_S
