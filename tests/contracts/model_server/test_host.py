"""`LocalContainerHost`: processes that start, die, come back and end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from endpoints.errors import ContainerFailed
from endpoints.local import processes
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.model_source import ModelSource, SourceKind, resolve_models
from endpoints.local.settings import PROCESS_MARKER
from tests.contracts.model_server.conftest import START_TIMEOUT_S, spec
from tests.support.waiting import eventually


def new_host(model_cache: Path, home: Path) -> LocalContainerHost:
    models = resolve_models(cache_dir=model_cache, offline=True, progress=lambda _: None)
    return LocalContainerHost(models.answering, log_dir=home / "logs")


def test_nothing_runs_before_it_is_needed(model_cache: Path, tmp_path: Path) -> None:
    host = new_host(model_cache, tmp_path)
    assert all(process.pid is None for process in host.status())
    host.close()


def test_one_process_serves_the_containers_of_many_endpoints(host: LocalContainerHost) -> None:
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: host.start(spec(), timeout_s=START_TIMEOUT_S), range(4)))
    assert len({one.container_id for one in started}) == 4
    assert len({one.base_url.split("/containers/")[0] for one in started}) == 1
    for one in started:
        host.stop(one.container_id)
        host.stop(one.container_id)  # twice is not an error
        assert not host.is_healthy(one.container_id)


def test_an_unknown_variant_is_served_by_primarys_model(host: LocalContainerHost) -> None:
    started = host.start(spec("AllTraffic"), timeout_s=START_TIMEOUT_S)
    answer = httpx.post(f"{started.base_url}/invocations", json={"prompt": "x", "max_tokens": 1}, timeout=30)
    assert answer.json()["model"] == "adept/tiny-1"
    host.stop(started.container_id)


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
    source = ModelSource(SourceKind.DIRECTORY, str(broken), "broken/model")
    host = LocalContainerHost({"primary": source}, log_dir=tmp_path / "logs")
    try:
        with pytest.raises(ContainerFailed, match="broken/model cannot be loaded"):
            host.start(spec(), timeout_s=START_TIMEOUT_S)
    finally:
        host.close()


def test_a_killed_process_comes_back_on_its_port_with_its_containers(
    model_cache: Path, tmp_path: Path
) -> None:
    host = new_host(model_cache, tmp_path)
    try:
        # Given two containers in one process
        first, second = (host.start(spec(), timeout_s=START_TIMEOUT_S) for _ in range(2))
        before = host.status()[0]
        assert before.pid is not None
        # When it is killed
        os.kill(before.pid, signal.SIGKILL)
        # Then the host reports it
        eventually(lambda: not host.is_healthy(first.container_id), what="the report of a dead process")
        # and both containers come back at the same address
        for one in (first, second):
            eventually(partial(host.is_healthy, one.container_id), what="the return of the container")
            request = {"inputs": "x", "parameters": {"max_new_tokens": 1}}
            assert httpx.post(f"{one.base_url}/invocations", json=request, timeout=30).status_code == 200
        after = host.status()[0]
        assert (after.port, after.restarts) == (before.port, 1)
        assert after.pid != before.pid
    finally:
        host.close()


def test_close_leaves_no_process_and_no_port(model_cache: Path, tmp_path: Path) -> None:
    host = new_host(model_cache, tmp_path)
    host.start(spec(), timeout_s=START_TIMEOUT_S)
    host.prewarm()
    running = host.status()
    host.close()
    assert all(process.pid is not None and not psutil.pid_exists(process.pid) for process in running)
    for process in running:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", process.port)) != 0


def test_the_server_ends_when_its_parent_is_killed(model_cache: Path, tmp_path: Path) -> None:
    # Given a parent that started a model server
    models = resolve_models(cache_dir=model_cache, offline=True, progress=lambda _: None)
    program = (
        "import sys, time; from pathlib import Path\n"
        "from endpoints.local.model_servers import LocalContainerHost\n"
        "from endpoints.local.model_source import ModelSource\n"
        "source, home = ModelSource.from_json(sys.argv[1]), Path(sys.argv[2])\n"
        "host = LocalContainerHost({'primary': source}, log_dir=home)\n"
        "host.prewarm(); print(host.status()[0].pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, models.stand_ins["primary"].to_json(), str(tmp_path)],
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
