"""`python -m lambdas.router` as a process: it starts, answers over the fake SageMaker, drains and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from tests.unit.router.support import (
    FakeRuntime,
    Reply,
    chat_body,
    chunk,
    completion,
    events,
    payload_part,
    table_document,
    whole_stream,
)

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def running(tmp_path: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server on a port of its own choice."""
    table = tmp_path / "route_table.json"
    table.write_text(json.dumps(table_document()))
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdas.router"],
        cwd=ROOT,
        env={**os.environ, "PORT": "0", "ROUTE_TABLE_PATH": str(table), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        yield process, process.stderr.readline().strip().rpartition(" ")[2]
    finally:
        process.kill()
        process.communicate()


def test_it_serves_the_official_sdk_whole_and_streamed_and_logs_a_line_each(
    runtime: FakeRuntime, tmp_path: Path
) -> None:
    whole = [Reply((completion(),)), Reply.stream(payload_part(whole_stream()))]
    runtime.replies["primary"] = whole
    with (
        running(tmp_path) as (process, url),
        OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        answer = client.chat.completions.create(**chat_body())
        assert answer.choices[0].message.content == "hi"
        pieces = client.chat.completions.create(**chat_body(stream=True))
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "hello"
        process.terminate()
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert [json.loads(line)["status"] for line in out.splitlines()] == [200, 200]
    assert "Traceback" not in err


def test_a_request_under_way_is_answered_before_it_ends(runtime: FakeRuntime, tmp_path: Path) -> None:
    runtime.replies["primary"] = Reply((completion(),), pause_s=0.4)
    answers: list[httpx.Response] = []
    with running(tmp_path) as (process, url):

        def ask() -> None:
            answers.append(httpx.post(f"{url}/v1/chat/completions", json=chat_body(), timeout=10))

        asking = threading.Thread(target=ask)
        asking.start()
        while not runtime.requests:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert process.wait(10) == 0
    assert answers[0].status_code == 200
    assert answers[0].headers["connection"] == "close"


def test_a_client_that_goes_away_ends_the_read_from_sagemaker(runtime: FakeRuntime, tmp_path: Path) -> None:
    pieces = [payload_part(events(chunk("token"), done=False))] * 1000
    runtime.replies["primary"] = Reply.stream(*pieces, pause_s=0.02)
    with running(tmp_path) as (process, url):
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=chat_body(stream=True)) as response:
            next(response.iter_bytes())
        assert runtime.hung_up.wait(5)
        process.terminate()
        out, _ = process.communicate(timeout=10)
    assert json.loads(out)["ended"] == "gone"


def test_without_a_table_it_starts_and_says_what_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path, ROUTE_TABLE_PATH=str(tmp_path / "nothing.json")) as (_, url):
        response = httpx.get(f"{url}/v1/models")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "route_table_invalid"


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("taken", "cannot listen at HOST 127.0.0.1, PORT {}: "),
        ("nonsense", "cannot start: PORT is '{}'"),
        ("70000", "cannot start: PORT is '{}'"),
    ],
)
def test_a_port_that_cannot_be_had_is_said_in_one_line(tmp_path: Path, port: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1]) if port == "taken" else port
        done = subprocess.run(
            [sys.executable, "-m", "lambdas.router"],
            cwd=ROOT,
            env={**os.environ, "PORT": number, "ROUTE_TABLE_PATH": str(tmp_path / "none")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: the router {said.format(number)}")
