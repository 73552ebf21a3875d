"""What happens when a model server dies, a release is good, a release is bad, and the embedded AWS restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from endpoints.local import daemon
from endpoints.local.processes import marked
from tests.e2e.conftest import System

pytestmark = pytest.mark.e2e
USE_CASE = "job-parsing"
STACK = ENDPOINT = f"adept-local-{USE_CASE}"
PAUSE_S = 0.03  # on a fast machine an answer takes less than the usage plan's 50 a second allow
REQUEST = {"model": USE_CASE, "messages": [{"role": "user", "content": "Go developer"}], "max_tokens": 8}


def _candidate_that_answers(system: System) -> str:
    with system.http() as client:
        response = client.post("/v1/chat/completions", json=REQUEST)
    assert response.status_code == 200, response.text
    return response.headers["x-adept-candidate"]


def _all_healthy(system: System) -> bool:
    return all(e.healthy == e.desired for e in daemon.status(system.settings).endpoints)


def _config_name(system: System) -> str:
    return str(system.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"])


def _eventually(condition: Callable[[], bool], timeout_s: float = 30) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return held


@contextmanager
def _steady_traffic(system: System) -> Iterator[list[int]]:
    """Requests one after the other in the background; yields the list of their statuses."""
    statuses: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        with system.http() as client:
            while not ended.is_set():
                statuses.append(client.post("/v1/chat/completions", json=REQUEST).status_code)
                time.sleep(PAUSE_S)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join(timeout=60)


def test_a_killed_model_server_is_reported_the_router_falls_over_and_it_comes_back(system: System) -> None:
    # given: the primary answers
    assert _candidate_that_answers(system) == "primary"

    # when: its process is killed with kill -9
    system.model_server("adept/tiny-1").kill()

    # then: the next request is answered by the alternative
    with system.http() as client:
        response = client.post("/v1/chat/completions", json=REQUEST)
    assert response.status_code == 200, response.text
    assert response.headers["x-adept-candidate"] == "alternative"
    assert response.headers["x-adept-attempts"] == "2"

    # and: the endpoint reports it
    assert _eventually(lambda: not _all_healthy(system), timeout_s=5)

    # and: it is restarted, and the primary answers again
    assert _eventually(lambda: _candidate_that_answers(system) == "primary")
    assert _eventually(lambda: _all_healthy(system))


def test_a_good_release_moves_the_endpoint_to_a_new_config_and_no_request_fails(system: System) -> None:
    before = _config_name(system)
    assembly = system.synth({"stack": STACK, "environment": {"MAX_BATCH_PREFILL_TOKENS": "4095"}})

    with _steady_traffic(system) as statuses:
        done = system.release(assembly, STACK)

    assert done.returncode == 0, done.stderr
    assert _config_name(system) != before
    assert len(statuses) > 5
    assert set(statuses) == {200}


def test_a_bad_release_rolls_back_says_why_and_no_request_fails(system: System) -> None:
    before = _config_name(system)
    # A limit that the engine refuses at start: prompts longer than prompt and answer together.
    assembly = system.synth({"stack": STACK, "environment": {"MAX_INPUT_TOKENS": "100000"}})

    with _steady_traffic(system) as statuses:
        done = system.release(assembly, STACK)

    stack = system.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    endpoint = system.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    assert done.returncode != 0
    assert "did not pass the ping health check" in done.stderr + done.stdout
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", before)
    assert len(statuses) > 5
    assert set(statuses) == {200}


def test_after_a_restart_everything_deployed_answers_again(system: System) -> None:
    daemon.down(system.settings, print)
    assert marked(system.settings.home) == []

    daemon.up(system.settings, print)

    assert _candidate_that_answers(system) == "primary"
