"""Updates that SageMaker refuses in one step, and rollbacks that nobody announced: `adept deploy`, `adept verify`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from endpoints.local import deployment
from tests.e2e.conftest import System

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # a test may begin and end with a deploy
USE_CASE = "job-parsing"
STACK = ENDPOINT = f"adept-local-{USE_CASE}"
TARGET = f"endpoint/{ENDPOINT}/variant/primary"
LARGER = {"stack": STACK, "instance_type": "ml.g5.2xlarge"}
REQUEST = {"model": USE_CASE, "messages": [{"role": "user", "content": "Rust developer"}], "max_tokens": 4}


def _verify(system: System) -> dict[str, Any]:
    done = system.adept("verify", "--env", "local", "--assembly", _as_defined(system), "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == report["ok"], done.stderr
    return report


def _deploy(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    return system.adept("deploy", "--env", "local", "--yes", "--use-case", USE_CASE, *arguments)


def _as_defined(system: System) -> str:
    """The project's own environment, as `adept deploy` without an assembly has synthesised it."""
    return str(deployment.assembly_dir(system.settings))


def _instance_type(system: System) -> str:
    sagemaker = system.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    primary = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
    return str(primary.get("InstanceType") or primary["InstancePools"][0]["InstanceType"])


def _scaling(system: System) -> tuple[tuple[int, int], set[str]]:
    autoscaling = system.client("application-autoscaling")
    about = {"ServiceNamespace": "sagemaker", "ResourceId": TARGET}
    targets = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[TARGET])
    policies = autoscaling.describe_scaling_policies(**about)["ScalingPolicies"]
    (target,) = targets["ScalableTargets"]
    return (target["MinCapacity"], target["MaxCapacity"]), {policy["PolicyName"] for policy in policies}


@pytest.fixture(scope="module")
def deployed(system: System) -> System:
    """The environment as the project defines it, whatever ran before; each test leaves it like that."""
    before = _deploy(system)
    assert before.returncode == 0, before.stderr
    return system


@pytest.fixture
def as_it_was(deployed: System) -> Iterator[System]:
    """Deployed as the project defines it afterwards, too."""
    yield deployed
    after = _deploy(deployed, "--assembly", _as_defined(deployed))
    assert after.returncode == 0, after.stderr


def test_a_change_of_instance_type_is_refused_in_one_step_and_goes_through_in_two(as_it_was: System) -> None:
    deployed = as_it_was
    scaling, was = _scaling(deployed), _instance_type(deployed)
    assembly = deployed.synth(LARGER)

    # given: a plain deploy, which SageMaker refuses and CloudFormation rolls back
    refused = deployed.release(assembly, STACK)
    assert refused.returncode != 0
    assert "scalable target" in refused.stdout + refused.stderr
    assert _instance_type(deployed) == was

    # when
    done = _deploy(deployed, "--assembly", str(assembly))

    # then: it went through, and said how
    assert done.returncode == 0, done.stdout + done.stderr
    assert "In two phases" in done.stdout
    assert _instance_type(deployed) == "ml.g5.2xlarge"

    # and: scaling is what it was, clients get answers, and nothing is left to complain about
    assert _scaling(deployed) == scaling
    with deployed.http() as client:
        assert client.post("/v1/chat/completions", json=REQUEST).status_code == 200
    again = deployed.adept("verify", "--env", "local", "--assembly", str(assembly))
    assert again.returncode == 0, again.stdout


def test_autoscaling_that_somebody_deregistered_is_told_and_registered_anew(deployed: System) -> None:
    scaling = _scaling(deployed)
    deployed.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=TARGET,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )
    told = [(f["check"], f["where"]) for f in _verify(deployed)["findings"] if f["severity"] == "blocker"]
    assert told == [("scaling-missing", f"{ENDPOINT}/primary")]

    done = _deploy(deployed, "--assembly", _as_defined(deployed))

    assert done.returncode == 0, done.stdout + done.stderr
    assert _scaling(deployed) == scaling


def test_a_silent_rollback_is_named(deployed: System) -> None:
    # given: an endpoint that is InService on another configuration than the one its stack made
    sagemaker = deployed.client("sagemaker")
    meant = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=meant)["ProductionVariants"]
    sagemaker.create_endpoint_config(EndpointConfigName="somebody-elses", ProductionVariants=variants)
    _serve(sagemaker, "somebody-elses")
    try:
        # when
        report = _verify(deployed)
    finally:
        _serve(sagemaker, meant)
        sagemaker.delete_endpoint_config(EndpointConfigName="somebody-elses")

    # then
    (finding,) = (finding for finding in report["findings"] if finding["severity"] == "blocker")
    assert (finding["check"], finding["where"]) == ("silent-rollback", ENDPOINT)
    assert "somebody-elses" in finding["found"]
    assert _verify(deployed)["ok"]


def _serve(sagemaker: Any, config: str) -> None:
    sagemaker.update_endpoint(
        EndpointName=ENDPOINT, EndpointConfigName=config, RetainAllVariantProperties=True
    )
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
