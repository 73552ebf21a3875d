"""Destroying everything. pytest runs files by name: this one is last, because nothing is left after it."""

from __future__ import annotations

import pytest

from endpoints.local import daemon, deployment
from endpoints.local.ports import is_free
from endpoints.local.processes import marked
from tests.e2e.conftest import System

pytestmark = pytest.mark.e2e


def test_destroying_leaves_no_endpoint_and_no_stack(system: System) -> None:
    assembly = str(deployment.assembly_dir(system.settings))
    done = system.cdk("destroy", "--all", "--force", "--concurrency", "4", "--app", assembly)

    assert done.returncode == 0, done.stderr
    sagemaker = system.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []
    targets = system.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    assert targets["ScalableTargets"] == []
    stacks = system.client("cloudformation").list_stacks()["StackSummaries"]
    left = {s["StackName"] for s in stacks if s["StackStatus"] != "DELETE_COMPLETE"}
    assert left == {"CDKToolkit"}


def test_down_leaves_no_process_and_no_port(system: System) -> None:
    daemon.down(system.settings, print)

    assert marked(system.settings.home) == []
    assert is_free(system.settings.port)
