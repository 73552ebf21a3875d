"""The soak in short: it accounts for every request, and tells what grows and what is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
import uvloop

from benchmarks.soaking.callers import Account
from benchmarks.soaking.run import Result, soak
from benchmarks.soaking.slope import growth
from tests.faults.behaviours import TEXT

WHOLE = b'{"choices": [{"message": {"content": "%s"}}]}' % TEXT.encode()
PIECES = b'data: {"delta":{"content":"a"}}\n\n' * 3
ERROR = b'{"error": {"message": "m", "type": "t", "param": null, "code": null}}'
INTERRUPTED = PIECES + b'data: {"error": {"code": "stream_interrupted"}}\n\n'


def test_some_seconds_of_it_lose_no_request() -> None:
    result = uvloop.run(soak(minutes=0.08, connections=12, seed=1))
    assert result.sent > 100
    assert result.sent == sum(result.ended.values()) == result.logged
    assert not result.lost
    assert result.exit_code == 0
    assert set(result.ended) <= {"answered", "refused", "interrupted", "left"}


@pytest.mark.parametrize(
    ("stream", "status", "body", "how"),
    [
        (False, 200, WHOLE, "answered"),
        (False, 200, WHOLE[:20], "lost"),
        (False, 502, ERROR, "refused"),
        (False, 502, b"Bad Gateway", "lost"),
        (True, 200, PIECES + b"data: [DONE]\n\n", "answered"),
        (True, 200, b"data: [DONE]\n\n", "lost"),
        (True, 200, PIECES, "lost"),
        (True, 200, INTERRUPTED, "interrupted"),
        (True, 503, ERROR, "refused"),
    ],
)
def test_where_a_request_went(stream: bool, status: int, body: bytes, how: str) -> None:
    account = Account()
    account.judge(stream, status, body)
    assert account.ended == {how: 1}
    assert bool(account.lost) == (how == "lost")


def test_growth_is_what_most_samples_say() -> None:
    """Given a value that grows by one a second and a few wild samples, then they move nothing."""
    times_s = [float(second) for second in range(50)]
    values = [10.0 + time_s for time_s in times_s]
    values[7], values[30] = 500.0, 0.0
    assert growth(times_s, values) == pytest.approx(49.0)
    assert growth(times_s, [3.0] * 50) == 0
    with pytest.raises(ValueError, match="two samples"):
        growth([1.0], [1.0])


WELL = Result(
    seconds=600.0,
    sent=10,
    ended={"answered": 9, "left": 1},
    lost=[],
    logged=10,
    upstream_faults=1,
    rss_mib=(40.0, 41.0),
    rss_growth_mib=0.1,
    fds=(90, 100),
    fd_growth=0.0,
    router_cpu_percent=50,
    exit_code=0,
)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (replace(WELL, sent=11, logged=11), "11 sent, 10 ended"),
        (replace(WELL, logged=9), "10 sent, 9 logged"),
        (replace(WELL, lost=["x"]), "1 lost"),
        (replace(WELL, rss_growth_mib=2.1), "memory grows"),
        (replace(WELL, fd_growth=3.0), "file descriptors grow"),
        (replace(WELL, exit_code=-9), "ended with -9"),
    ],
)
def test_each_goal_can_fail(result: Result, says: str) -> None:
    assert not WELL.failures()
    assert says in "; ".join(result.failures())
