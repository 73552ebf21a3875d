"""The fuzzer's inputs of one seed, and whether it would notice anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.campaign import Failure, run
from tests.fuzz.chaos import Chaos
from tests.fuzz.holds import Violated, check_answer, check_stream

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261126
INPUTS = 100_000
PARTS = 4  # each in a test's time on a busy machine
JSON = {"content-type": "application/json"}
ERROR = b'{"error": {"message": "m", "type": "t", "param": null, "code": null}}'


def told(failures: list[Failure]) -> str:
    return "\n".join(
        f"--seed {SEED} --only {failure.number} ({failure.kind})\n{failure.told}" for failure in failures
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_thousand_inputs_get_an_answer_or_a_well_formed_error(part: int) -> None:
    numbers = range(part * INPUTS // PARTS, (part + 1) * INPUTS // PARTS)
    report = run(SEED, numbers)
    assert not report.failures, told(report.failures)
    assert report.counts.total() == len(numbers)
    assert set(report.counts) == {"callers", "engines", "wire"}


BUGS = {
    "callers": ("lambdas.router.api.chat.model_of", lambda body: body["model"]),
    "engines": ("lambdas.router.api.chat_reader.index_of", lambda choice: choice["index"]),
    "wire": ("lambdas.router.web._request_id", lambda headers, _: headers["x-request-id"]),
    "SageMaker": (
        "lambdas.router.sagemaker_faults._retry_after_s",
        lambda headers: float(headers.get("retry-after", 0)),
    ),
}


@pytest.mark.parametrize(("place", "bug"), BUGS.values(), ids=BUGS)
def test_a_bug_that_trusts_what_arrives_is_found(
    place: str, bug: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, bug)
    assert run(SEED, range(3_000)).failures


def test_the_same_seed_makes_the_same_input() -> None:
    first, second = (Chaos("1:2") for _ in range(2))
    assert [first.value() for _ in range(20)] == [second.value() for _ in range(20)]
    assert first.broken(b"hello", 5) == second.broken(b"hello", 5)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, ERROR),
        (418, ERROR),
        (400, b'{"error": "m"}'),
        (400, b'{"error": {"message": "", "type": "t", "param": null, "code": null}}'),
        (200, b'{"object": "chat.completion", "choices": [{}]}'),
        (200, b'{"a": NaN}'),
        (200, b"{"),
    ],
)
def test_what_is_no_answer_is_told_apart(status: int, body: bytes) -> None:
    with pytest.raises(Violated):
        check_answer(status, JSON, body)


@pytest.mark.parametrize(
    "body",
    [b"data: {}", b"data: [DONE]\n\ndata: {}\n\n", b"data: " + ERROR + b"\n\ndata: [DONE]\n\n", b": x\n\n"],
)
def test_what_is_no_stream_is_told_apart(body: bytes) -> None:
    with pytest.raises(Violated):
        check_stream(body)


def test_the_command_says_the_seed_and_how_it_went() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--inputs", "200", "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("seed 7\n200 inputs (50 callers, 100 engines, 50 wire)")
