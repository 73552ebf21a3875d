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


def test_containers_are_attached_and_their_role_may_make_interfaces_there_and_nowhere_else() -> None:
    resources = _attached()
    (model,) = (r["Properties"] for r in resources.values() if r["Type"] == "AWS::SageMaker::Model")

    assert model["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert model["EnableNetworkIsolation"] is True
    (allowed,) = (
        statement["Resource"]
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "ec2:CreateNetworkInterface"
    )
    ends = {json.dumps(arn).rpartition(":")[2].split('"')[0] for arn in allowed}
    assert ends == {"network-interface/*", "subnet/subnet-1", "subnet/subnet-2", "security-group/sg-1"}


def test_without_a_network_no_role_may_touch_one(environment: str) -> None:
    assert "ec2:" not in json.dumps(templates(environment))
