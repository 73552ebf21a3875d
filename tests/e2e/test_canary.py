"""A canary that completes, one that an alarm brings back, and a load that comes and goes.

An embedded AWS of its own, sixty times as fast as AWS (docs/embedded-sagemaker.md), with two instances of each
primary: `explanation-generation` has one fleet of its own, so its updates are canaries.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from endpoints.local import daemon
from endpoints.local.ports import free_port
from endpoints.local.settings import LocalSettings
from tests.e2e.conftest import System, access_to

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
]  # the first test deploys, which a slow machine takes long for
USE_CASE = "explanation-generation"
STACK = ENDPOINT = f"adept-local-{USE_CASE}"
SETTING = "MAX_BATCH_PREFILL_TOKENS"
# Seconds of AWS: at sixty times its speed a shift waits for four seconds, and a bake takes five.
RELEASE = {
    "stack": STACK,
    "primary_fleet": [2, 4],
    "updates": {"shift_wait_s": 240, "bake_s": 300},
    # An alarm's minute is a second here and the router's seconds are not scaled: it asks as often as an alarm looks.
    "breaker": {"open_s": 1, "max_open_s": 1},
}
# The alarm ends this one; so long a slow machine may take until it rings.
PATIENT = RELEASE | {"updates": {"shift_wait_s": 3600, "bake_s": 3600}}
PAUSE_S = 0.05  # two callers stay below the 50 requests a second that the local usage plan allows
REQUEST = {"model": USE_CASE, "messages": [{"role": "user", "content": "Why Go?"}], "max_tokens": 8}


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    settings = LocalSettings(home=tmp_path_factory.mktemp("fast"), port=free_port(), time_scale=60)
    daemon.up(settings, print)
    try:
        undeployed = System(settings, access=None)  # type: ignore[arg-type]  # there is no API before the deploy
        app = ("--app", str(undeployed.synth(RELEASE)))
        deploy = ("deploy", "--all", "--concurrency", "4", "--require-approval", "never")
        for command in (("bootstrap",), deploy):
            done = undeployed.cdk(*command, *app)
            assert done.returncode == 0, done.stderr
        yield System(settings, access_to(settings))
    finally:
        daemon.down(settings, print)


def _describe(sagemaker: Any) -> dict[str, Any]:
    described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    return described


def _eventually(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return held


@contextmanager
def _in_background(work: Callable[[], None], threads: int = 1) -> Iterator[None]:
    """Call `work` again and again in threads until the block ends."""
    ended = threading.Event()

    def loop() -> None:
        while not ended.is_set():
            work()

    running = [threading.Thread(target=loop) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in running:
            thread.join(timeout=60)


@contextmanager
def _steady_traffic(system: System) -> Iterator[list[int]]:
    """Two callers of the API, one request after the other; yields the statuses that they got."""
    statuses: list[int] = []
    with system.http() as client:

        def ask() -> None:
            statuses.append(client.post("/v1/chat/completions", json=REQUEST).status_code)
            time.sleep(PAUSE_S)

        with _in_background(ask, threads=2):
            yield statuses


def test_a_canary_shifts_and_completes_and_no_request_fails(fast: System) -> None:
    sagemaker = fast.client("sagemaker")
    before = _describe(sagemaker)["EndpointConfigName"]
    assembly = fast.synth({**RELEASE, "environment": {SETTING: "4097"}})
    told: set[str] = set()

    def watch() -> None:
        pending = _describe(sagemaker).get("PendingDeploymentSummary") or {}
        told.update(
            f"{variant['VariantName']}: {status['StatusMessage']}"
            for variant in pending.get("ProductionVariants", [])
            for status in variant.get("VariantStatus", [])
        )
        time.sleep(0.1)

    with _steady_traffic(fast) as statuses, _in_background(watch):
        done = fast.release(assembly, STACK)

    after = _describe(sagemaker)
    assert done.returncode == 0, done.stderr
    assert after["EndpointConfigName"] != before
    routing = after["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["Type"], routing["CanarySize"]) == ("CANARY", {"Type": "INSTANCE_COUNT", "Value": 1})
    baking = "primary: Baking for {} seconds ({}) with traffic enabled on {} instance(s)."
    assert {
        baking.format(240, "WaitIntervalInSeconds", "canary capacity of 1"),
        baking.format(300, "TerminationWaitInSeconds", "full capacity of 2"),
    } <= told
    assert len(statuses) > 20
    assert set(statuses) == {200}


def test_a_bad_container_rolls_back_by_alarm_no_request_fails_and_verify_names_it(fast: System) -> None:
    sagemaker = fast.client("sagemaker")
    before = _describe(sagemaker)["EndpointConfigName"]
    assembly = fast.synth({**PATIENT, "environment": {SETTING: "4098"}})
    # given: a release whose containers are healthy and answer every request with a 500
    bad = {"fault": "server-error", "endpoint": ENDPOINT, "environment": {SETTING: "4098"}}
    _put_faults(fast, {"containers": [bad]})

    try:
        with _steady_traffic(fast) as statuses:
            done = fast.release(assembly, STACK)
    finally:
        _put_faults(fast, {})

    # then: an alarm brought the old fleet back, and says so
    after = _describe(sagemaker)
    assert done.returncode != 0
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before)
    assert f"{ENDPOINT}-primary-rollback" in after["FailureReason"]

    # and: the router asked the alternative, so that no caller noticed
    assert len(statuses) > 20
    assert set(statuses) == {200}

    # and: verify names what happened
    report = json.loads(fast.adept("verify", "--env", "local", "--json").stdout)
    told = {finding["check"]: finding["found"] for finding in report["findings"] if finding["where"] == STACK}
    assert "rolled back" in told["stack-rolled-back"].lower()
    assert f"{ENDPOINT}-primary-rollback" in json.dumps(report["findings"])


def test_a_load_step_scales_out_and_back_in(fast: System) -> None:
    sagemaker, runtime = fast.client("sagemaker"), fast.client("sagemaker-runtime")

    def instances() -> int:
        primary = next(v for v in _describe(sagemaker)["ProductionVariants"] if v["VariantName"] == "primary")
        return int(primary["DesiredInstanceCount"])

    assert instances() == 2
    body = json.dumps({"inputs": "Why?", "parameters": {"max_new_tokens": 400}})

    answered: list[int] = []

    def ask() -> None:
        with suppress(runtime.exceptions.ModelError):  # no answer within a minute is load, too
            answer = runtime.invoke_endpoint(
                EndpointName=ENDPOINT, TargetVariant="primary", ContentType="application/json", Body=body
            )
            answered.append(answer["ResponseMetadata"]["HTTPStatusCode"])

    with _in_background(ask, threads=40):
        scaled_out = _eventually(lambda: instances() > 2, timeout_s=240)

    assert answered, "the load was all errors: that says nothing of a model that works"
    assert scaled_out, f"{instances()} instances under load"
    assert _eventually(lambda: instances() == 2, timeout_s=240), f"{instances()} instances without load"


def _put_faults(system: System, document: dict[str, Any]) -> None:
    answer = httpx.put(f"{system.settings.endpoint_url}/_adept/faults", json=document, trust_env=False)
    assert answer.is_success, answer.text
