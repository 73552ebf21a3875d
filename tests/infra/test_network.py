"""An environment may attach its containers to an existing VPC."""

from __future__ import annotations

import json
from typing import Any

from endpoints.catalogue import Network, load_catalogue
from tests.infra.conftest import synthesise, templates

NETWORK = Network(subnet_ids=("subnet-1", "subnet-2"), security_group_ids=("sg-1",))


def _attached() -> dict[str, Any]:
    """One endpoint stack of a sandbox with a network."""
    catalogue = load_catalogue()
    sandbox = catalogue.environment("sandbox").model_copy(update={"network": NETWORK})
    changed = catalogue.model_copy(update={"environments": (sandbox,)})
    return dict(synthesise("sandbox", changed)["adept-sandbox-job-parsing"]["Resources"])


def test_containers_are_attached_and_their_role_may_make_the_interfaces() -> None:
    resources = _attached()
    (model,) = (r["Properties"] for r in resources.values() if r["Type"] == "AWS::SageMaker::Model")

    assert model["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert model["EnableNetworkIsolation"] is True
    policies = [json.dumps(r) for r in resources.values() if r["Type"] == "AWS::IAM::Policy"]
    assert any("ec2:CreateNetworkInterface" in policy for policy in policies)


def test_without_a_network_no_role_may_touch_one(environment: str) -> None:
    assert "ec2:" not in json.dumps(templates(environment))
