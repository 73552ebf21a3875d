"""`LocalContainerHost`: processes that start, die, come back and end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from endpoints.errors import ContainerFailed, ModelDataFailed
from endpoints.local import processes
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.model_source import staged_source
from endpoints.local.settings import PROCESS_MARKER
from endpoints.local.tiny_model import tiny_model, tiny_revision
from tests.contracts.model_server.conftest import START_TIMEOUT_S, TINY, FolderSnapshots, spec
from tests.support.waiting import eventually


@pytest.fixture
def own(snapshots: FolderSnapshots, tmp_path: Path) -> Iterator[LocalContainerHost]:
    """A host of the test's own."""
    host = LocalContainerHost(replace(snapshots, forgotten=[]), log_dir=tmp_path / "logs")
    yield host
    host.close()


def test_nothing_runs_before_it_is_needed(own: LocalContainerHost) -> None:
    assert own.status() == ()


def test_one_process_serves_all_containers_of_a_snapshot(host: LocalContainerHost) -> None:
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: host.start(spec(), timeout_s=START_TIMEOUT_S), range(4)))
    assert len({one.container_id for one in started}) == 4
    assert len({one.base_url.split("/containers/")[0] for one in started}) == 1
    for one in started:
        host.stop(one.container_id)
        host.stop(one.container_id)  # twice is not an error
        assert not host.is_healthy(one.container_id)


def test_variants_of_any_name_with_the_same_model_data_share_a_process(own: LocalContainerHost) -> None:
    for variant in ("primary", "AllTraffic"):
        own.start(replace(spec(), variant_name=variant), timeout_s=START_TIMEOUT_S)
    (server,) = own.status()
    assert (server.model, server.revision, server.meaningful) == ("adept/tiny-1", tiny_revision(1), False)
    assert (server.containers, server.serves) == (2, ("endpoint/AllTraffic", "endpoint/primary"))


def test_a_process_ends_with_the_last_container_of_its_snapshot(
    snapshots: FolderSnapshots, tmp_path: Path
) -> None:
    data = replace(snapshots, forgotten=[])
    host = LocalContainerHost(data, log_dir=tmp_path / "logs")
    try:
        # Given two containers of one snapshot and one of another
        first, second, other = (
            host.start(spec(variant), timeout_s=START_TIMEOUT_S)
            for variant in ("primary", "primary", "alternative")
        )
        pids = {server.model: server.pid for server in host.status()}
        # When one of the two stops, nothing ends
        host.stop(first.container_id)
        assert {server.model: server.pid for server in host.status()} == pids
        # When the second one stops, too, its process ends, and its files may go
        host.stop(second.container_id)
        assert [server.model for server in host.status()] == ["adept/tiny-2"]
        ended = pids["adept/tiny-1"]
        assert ended is not None
        assert not psutil.pid_exists(ended)
        assert data.forgotten == [TINY["primary"]]
        assert host.is_healthy(other.container_id)
        # and the next container begins anew
        assert host.is_healthy(host.start(spec(), timeout_s=START_TIMEOUT_S).container_id)
    finally:
        host.close()


def test_a_container_without_model_data_is_not_started(own: LocalContainerHost) -> None:
    with pytest.raises(ModelDataFailed, match="names no ModelDataSource"):
        own.start(replace(spec(), model_data_url=None), timeout_s=START_TIMEOUT_S)
    assert own.status() == ()


def test_a_start_that_fails_leaves_no_process(own: LocalContainerHost) -> None:
    with pytest.raises(ContainerFailed):
        own.start(spec(MAX_INPUT_TOKENS="5", MAX_TOTAL_TOKENS="5"), timeout_s=START_TIMEOUT_S)
    assert own.status() == ()


def test_a_host_that_was_closed_starts_nothing(own: LocalContainerHost) -> None:
    own.close()
    with pytest.raises(ContainerFailed, match="is ending"):
        own.start(spec(), timeout_s=START_TIMEOUT_S)


def test_each_container_has_limits_of_its_own(host: LocalContainerHost) -> None:
    small, large = (
        host.start(spec(MAX_INPUT_TOKENS="9", MAX_TOTAL_TOKENS=total), timeout_s=START_TIMEOUT_S)
        for total in ("10", "100")
    )
    request = {"inputs": "x", "parameters": {"max_new_tokens": 50}}
    statuses = [
        httpx.post(f"{one.base_url}/invocations", json=request, timeout=30).status_code
        for one in (small, large)
    ]
    assert statuses == [422, 200]
    for one in (small, large):
        host.stop(one.container_id)


def test_an_environment_that_the_launcher_refuses_fails_the_container(host: LocalContainerHost) -> None:
    with pytest.raises(ContainerFailed, match=r"`max_input_tokens`\(5\) must be < `max_total_tokens`\(5\)"):
        host.start(spec(MAX_INPUT_TOKENS="5", MAX_TOTAL_TOKENS="5"), timeout_s=START_TIMEOUT_S)


def test_a_model_that_cannot_be_loaded_fails_the_container_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    host = LocalContainerHost(FolderSnapshots({TINY["primary"]: broken}), log_dir=tmp_path / "logs")
    try:
        with pytest.raises(ContainerFailed, match="adept/tiny-1 cannot be loaded"):
            host.start(spec(), timeout_s=START_TIMEOUT_S)
    finally:
        host.close()


def test_a_killed_process_comes_back_on_its_port_with_its_containers(own: LocalContainerHost) -> None:
    # Given two containers in one process
    first, second = (own.start(spec(), timeout_s=START_TIMEOUT_S) for _ in range(2))
    before = own.status()[0]
    assert before.pid is not None
    # When it is killed
    os.kill(before.pid, signal.SIGKILL)
    # Then the host reports it
    eventually(lambda: not own.is_healthy(first.container_id), what="the report of a dead process")
    # and both containers come back at the same address
    for one in (first, second):
        eventually(partial(own.is_healthy, one.container_id), what="the return of the container")
        request = {"inputs": "x", "parameters": {"max_new_tokens": 1}}
        assert httpx.post(f"{one.base_url}/invocations", json=request, timeout=30).status_code == 200
    after = own.status()[0]
    assert (after.port, after.restarts) == (before.port, 1)
    assert after.pid != before.pid


def test_close_leaves_no_process_and_no_port(own: LocalContainerHost) -> None:
    for variant in TINY:
        own.start(spec(variant), timeout_s=START_TIMEOUT_S)
    running = own.status()
    own.close()
    assert len(running) == 2
    assert all(process.pid is not None and not psutil.pid_exists(process.pid) for process in running)
    for process in running:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", process.port)) != 0


def test_the_server_ends_when_its_parent_is_killed(model_cache: Path, tmp_path: Path) -> None:
    # Given a parent that started a model server
    source = staged_source("adept/tiny-1", tiny_revision(1), tiny_model(model_cache, seed=1))
    program = (
        "import sys, time; from pathlib import Path\n"
        "from endpoints.local.model_process import ModelProcess\n"
        "from endpoints.local.model_source import ModelSource\n"
        "process = ModelProcess('tiny', ModelSource.from_json(sys.argv[1]), log_dir=Path(sys.argv[2]))\n"
        "process.start(); print(process.status(()).pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, source.to_json(), str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, PROCESS_MARKER: str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        # (which carries its mark, so that `down` would find both)
        assert {process.pid for process in processes.marked(tmp_path)} == {parent.pid, server.pid}
        # When the parent is killed
        parent.kill()
    # Then the server does not stay behind
    eventually(
        lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE,
        what="the end of the server",
    )
