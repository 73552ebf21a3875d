"""up, status, down: idempotent, no process and no port left, and state that outlives both an end and a kill."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from endpoints.errors import LocalError, RemoteError
from endpoints.local import daemon, processes
from endpoints.local.local_status import LocalStatus
from endpoints.local.model_source import NO_MODELS
from endpoints.local.ports import is_free
from endpoints.local.process_record import ProcessRecord
from tests.contracts.ministack.running import COMMAND, Running, embedded_aws, settings_in
from tests.contracts.ministack.stacks import Stack
from tests.contracts.ministack.templates import template
from tests.support.waiting import eventually

HANDLER = """
import json, os
import boto3

def handler(event, context):
    names = [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
    return {"statusCode": 200, "body": json.dumps({"buckets": names, "key": os.environ["AWS_ACCESS_KEY_ID"]})}
"""


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Running]:
    """An embedded AWS that is not started yet; nothing of it is left afterwards."""
    running = Running(settings_in(tmp_path / "home"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An embedded AWS that runs, for the tests that leave it as it is."""
    with embedded_aws(tmp_path_factory.mktemp("started") / "home") as running:
        yield running


def test_up_is_idempotent_and_down_leaves_nothing(aws: Running) -> None:
    assert aws.start().started
    again = aws.start()
    assert not again.started
    assert again.differences == ()
    assert again.status.healthy
    pid = again.status.pid
    assert aws.stop() == 1
    assert aws.stop() == 0
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert is_free(aws.settings.port)
    assert processes.marked(aws.settings.home) == []
    assert not daemon.status(aws.settings).running


def test_only_loopback_listens(started: Running) -> None:
    pid = daemon.status(started.settings).pid
    listening = [c.laddr for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert started.settings.port in {address.port for address in listening}


def test_other_options_are_reported_and_applied_only_when_asked(aws: Running) -> None:
    first = aws.start().status.pid
    assert daemon.status(replace(aws.settings, hub_url="http://elsewhere")).settings == aws.settings
    other = replace(aws.settings, model="another")
    kept = daemon.up(other, progress=print, command=COMMAND)
    assert kept.differences == ("model is echo, not another",)
    assert kept.status.pid == first
    changed = daemon.up(other, progress=print, command=COMMAND, restart=True)
    assert changed.started
    assert changed.status.pid != first
    assert changed.status.settings.model == "another"


def test_a_restart_with_a_model_that_cannot_be_had_leaves_what_runs_alone(started: Running) -> None:
    first = daemon.status(started.settings).pid
    with pytest.raises(LocalError, match="is not the URL of a model server"):
        daemon.up(
            replace(started.settings, backend_url="localhost"), progress=print, command=COMMAND, restart=True
        )
    assert daemon.status(started.settings).pid == first
    assert daemon.status(started.settings).healthy


def test_waiting_for_another_up_or_down_is_said(aws: Running) -> None:
    # Given another one at work in the same directory
    said: list[str] = []
    with (aws.settings.home / "lock").open("w") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # When this one begins, then it says what it waits for
        waiting = pool.submit(daemon.down, aws.settings, said.append)
        eventually(lambda: bool(said))
        assert "waiting for another" in said[0]
        # and goes on when the other one has finished
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert waiting.result(10) == 0


def test_a_taken_port_is_named_with_its_owner_and_a_way_out(aws: Running) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", aws.settings.port))
        taken.listen()
        with pytest.raises(LocalError) as error:
            aws.start()
    assert f"port {aws.settings.port} is already in use by" in error.value.message
    assert str(os.getpid()) in error.value.message
    assert "--port" in (error.value.remedy or "")


def test_a_server_that_ends_at_once_is_reported_with_its_log(aws: Running) -> None:
    failing = (sys.executable, "-c", "import sys; sys.exit('no room left for anything')")
    with pytest.raises(LocalError, match="no room left for anything"):
        daemon.up(aws.settings, progress=print, command=failing)
    assert processes.marked(aws.settings.home) == []


def test_a_stale_record_and_a_reused_process_id_are_seen_through(aws: Running) -> None:
    # Given a record whose process id belongs to another process by now
    aws.settings.log_dir.mkdir(parents=True)
    stale = ProcessRecord(
        pid=os.getpid(), create_time=1.0, port=1, region="", backend_url=None, model=None, models=NO_MODELS
    )
    stale.write(aws.settings)
    # When it is looked at and started over, then nobody else is touched
    assert not daemon.status(aws.settings).running
    assert aws.start().started


def test_what_was_deployed_outlives_a_kill_and_an_end(aws: Running) -> None:
    # Given a stack with an endpoint, a secret, an object and a function
    aws.start()
    stack = Stack(aws, "kept")
    assert stack.create(template(endpoint_name="kept-endpoint")) == "CREATE_COMPLETE"
    outputs = stack.outputs()
    arrange(aws)
    wait_until_saved(aws, "kept-endpoint", "a-secret", "a-function")

    # When the server is killed, its workers end or are found, and up brings everything back
    kill_server(aws)
    status = aws.start().status
    check(aws, stack, outputs)
    assert [(e.name, e.healthy, e.desired) for e in status.endpoints] == [("kept-endpoint", 1, 1)]

    # And so it does after an orderly end
    assert aws.stop() >= 1
    aws.start()
    check(aws, stack, outputs)
    assert stack.update(template(endpoint_name="kept-endpoint", max_capacity="3")) == "UPDATE_COMPLETE"


def test_a_backend_that_is_gone_is_named_within_seconds_and_what_runs_goes_on(
    aws: Running, tmp_path: Path
) -> None:
    # Given an endpoint behind somebody else's server
    needed = tmp_path / "its server is there"
    needed.touch()
    aws.start()
    stack = Stack(aws, "behind")
    assert stack.create(template(environment={"NEEDS": str(needed)})) == "CREATE_COMPLETE"
    # When that is gone, and somebody asks for what is up already
    needed.unlink()
    eventually(lambda: healthy_containers(daemon.status(aws.settings)) == 0, what="the news")
    began_s = time.monotonic()
    with pytest.raises(RemoteError) as gone:
        aws.start()
    # Then it is said where it should be, and what to do
    assert time.monotonic() - began_s < 20
    assert f"no model server answers at {aws.settings.backend_url}" in gone.value.message
    assert "0 of 1 containers are ready" in gone.value.message
    assert "adept local up --restart" in (gone.value.remedy or "")
    # And once it is back everything is as it was
    needed.touch()
    assert healthy_containers(aws.start().status) == 1


def test_a_stack_that_was_being_created_when_the_server_was_killed_can_be_created_again(aws: Running) -> None:
    # Given a deployed stack, and another one whose endpoint is still starting
    aws.start()
    assert Stack(aws, "kept").create(template(endpoint_name="kept-endpoint")) == "CREATE_COMPLETE"
    wait_until_saved(aws, "kept-endpoint")
    slow = template(endpoint_name="slow-endpoint", environment={"SLOW": "60"})
    aws.client("cloudformation").create_stack(
        StackName="cut-short", TemplateBody=slow, Capabilities=["CAPABILITY_IAM"]
    )
    eventually(lambda: "Creating" in endpoint_statuses(aws))
    # When the server is killed and comes back
    kill_server(aws)
    aws.start()
    # Then there is the first stack and no trace of the second, which is created as if for the first time
    assert endpoint_statuses(aws) == ["InService"]
    again = Stack(aws, "cut-short").create(template(endpoint_name="slow-endpoint"))
    assert again == "CREATE_COMPLETE"


def test_down_finds_the_workers_of_a_killed_server(aws: Running) -> None:
    # Given a Lambda worker that is busy, so that it does not notice its parent's end
    aws.start()
    busy = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    aws.create_function("busy", busy)
    aws.client("lambda").invoke(FunctionName="busy", InvocationType="Event")
    worker = wait_for_worker(aws)
    # When the server is killed and the embedded AWS is ended
    kill_server(aws)
    assert worker.is_running()
    aws.stop()
    # Then the worker is gone, too
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert not aws.settings.temporary_dir.exists()


def healthy_containers(status: LocalStatus) -> int:
    return sum(endpoint.healthy for endpoint in status.endpoints)


def kill_server(aws: Running) -> None:
    record = ProcessRecord.read(aws.settings)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)


def endpoint_statuses(aws: Running) -> list[str]:
    return [endpoint["EndpointStatus"] for endpoint in aws.client("sagemaker").list_endpoints()["Endpoints"]]


def arrange(aws: Running) -> None:
    aws.client("secretsmanager").create_secret(Name="a-secret", SecretString="kept")
    aws.client("s3").create_bucket(Bucket="a-bucket")
    aws.client("s3").put_object(Bucket="a-bucket", Key="a/key", Body=b"kept")
    aws.create_function("a-function", HANDLER)


def check(aws: Running, stack: Stack, outputs: dict[str, str]) -> None:
    assert stack.outputs() == outputs
    endpoint = aws.client("sagemaker").describe_endpoint(EndpointName="kept-endpoint")
    assert endpoint["EndpointConfigName"] == outputs["ConfigName"]
    answer = aws.client("sagemaker-runtime").invoke_endpoint(EndpointName="kept-endpoint", Body=b"{}")
    assert json.loads(answer["Body"].read())["container"].startswith("primary-")
    targets = aws.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="sagemaker")
    assert [policy["PolicyName"] for policy in targets["ScalingPolicies"]] == ["in-flight"]
    assert aws.client("secretsmanager").get_secret_value(SecretId="a-secret")["SecretString"] == "kept"
    assert aws.client("s3").get_object(Bucket="a-bucket", Key="a/key")["Body"].read() == b"kept"
    assert "a-bucket" in json.loads(aws.invoke("a-function")["body"])["buckets"]


def wait_until_saved(aws: Running, *words: str) -> None:
    file = aws.settings.state_dir / "state.json"
    eventually(lambda: file.exists() and all(word in file.read_text() for word in words))


def wait_for_worker(aws: Running) -> psutil.Process:
    def workers() -> list[psutil.Process]:
        return [p for p in processes.marked(aws.settings.home) if "_worker.py" in " ".join(p.cmdline())]

    eventually(lambda: bool(workers()))
    return workers()[0]
