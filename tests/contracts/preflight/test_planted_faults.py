"""`adept preflight --env production --offline` over the templates that the CDK app really writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from typer.testing import CliRunner

from endpoints.catalogue import load_catalogue
from endpoints.commands.every_command import app
from endpoints.naming import endpoint_name
from endpoints.preflight import Plan
from endpoints.preflight.host_ami import AMI_CUDA
from endpoints.sizing import hourly_cost
from tests.infra.conftest import ENVIRONMENTS, Template, templates

ENVIRONMENT = "production"
STACK = "adept-production-query-enhancement"
Assembly = dict[str, Any]


def _resources(assembly: Assembly, resource_type: str) -> list[dict[str, Any]]:
    found = assembly[STACK]["Resources"].values()
    return [resource["Properties"] for resource in found if resource["Type"] == resource_type]


def _container(assembly: Assembly) -> dict[str, Any]:
    container: dict[str, Any] = _resources(assembly, "AWS::SageMaker::Model")[0]["PrimaryContainer"]
    return container


def _config(assembly: Assembly) -> dict[str, Any]:
    return _resources(assembly, "AWS::SageMaker::EndpointConfig")[0]


def _endpoint(assembly: Assembly) -> dict[str, Any]:
    return _resources(assembly, "AWS::SageMaker::Endpoint")[0]


def _cuda_13_image(assembly: Assembly) -> None:
    container = _container(assembly)
    container["Image"] = container["Image"].replace("cu124", "cu130")


def _no_host_ami(assembly: Assembly) -> None:
    del _config(assembly)["ProductionVariants"][0]["InferenceAmiVersion"]


def _volume_key(assembly: Assembly) -> None:
    _config(assembly)["KmsKeyId"] = "key"


def _too_many_variables(assembly: Assembly) -> None:
    _container(assembly)["Environment"].update({f"NAME_{number}": "1" for number in range(101)})


def _too_long_value(assembly: Assembly) -> None:
    _container(assembly)["Environment"]["NAME"] = "x" * 1025


def _secret(assembly: Assembly) -> None:
    _container(assembly)["Environment"]["NAME"] = "hf_" + "x" * 20


def _variants_set_back(assembly: Assembly) -> None:
    _endpoint(assembly)["RetainAllVariantProperties"] = False


def _canary_too_large(assembly: Assembly) -> None:
    _endpoint(assembly).setdefault("DeploymentConfig", {})["BlueGreenUpdatePolicy"] = {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 60,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 60},
        }
    }


def _too_many_alarms(assembly: Assembly) -> None:
    alarms = [{"AlarmName": f"alarm-{number}"} for number in range(11)]
    _endpoint(assembly).setdefault("DeploymentConfig", {})["AutoRollbackConfiguration"] = {"Alarms": alarms}


def _alarms_that_the_role_may_not_read(assembly: Assembly) -> None:
    _endpoint(assembly).setdefault("DeploymentConfig", {})["AutoRollbackConfiguration"] = {
        "Alarms": [{"AlarmName": "alarm"}]
    }
    for policy in _resources(assembly, "AWS::IAM::Policy"):
        document = policy["PolicyDocument"]
        document["Statement"] = [
            statement
            for statement in document["Statement"]
            if "cloudwatch:DescribeAlarms" not in str(statement["Action"])
        ]


def _instance_type_that_nobody_knows(assembly: Assembly) -> None:
    _on(assembly, STACK, "ml.g4dn.xlarge")


def _instance_type_with_too_few_cards(assembly: Assembly) -> None:
    _on(assembly, "adept-production-behavioral-analysis", "ml.g5.xlarge")


def _on(assembly: Assembly, stack: str, instance_type: str) -> None:
    for resource in assembly[stack]["Resources"].values():
        if resource["Type"] == "AWS::SageMaker::EndpointConfig":
            variant = resource["Properties"]["ProductionVariants"][0]
            variant.pop("InstancePools", None)
            variant["InstanceType"] = instance_type


FAULTS: dict[Callable[[Assembly], None], tuple[str, str]] = {
    _cuda_13_image: ("host-ami", "blocker"),
    _no_host_ami: ("host-ami", "blocker"),
    _volume_key: ("volume-key", "blocker"),
    _too_many_variables: ("container-environment", "blocker"),
    _too_long_value: ("container-environment", "blocker"),
    _secret: ("container-environment", "blocker"),
    _variants_set_back: ("retained-variants", "blocker"),
    _canary_too_large: ("traffic-shift", "blocker"),
    _too_many_alarms: ("rollback-alarms", "blocker"),
    _alarms_that_the_role_may_not_read: ("rollback-alarms", "blocker"),
    _instance_type_that_nobody_knows: ("memory", "warning"),
    _instance_type_with_too_few_cards: ("memory", "blocker"),
}


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Assembly], Path]:
    """Writes templates as a cloud assembly."""

    def write(assembly: Assembly) -> Path:
        artifacts = {}
        for name, template in assembly.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(template))
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "properties": {"templateFile": f"{name}.json"},
            }
        (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
        return tmp_path

    return write


def _preflight(folder: Path, *options: str) -> tuple[int, str]:
    arguments = ["preflight", "--env", ENVIRONMENT, "--offline", "--assembly", str(folder), *options]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__.lstrip("_"))
def test_a_planted_fault_is_found_with_its_remedy(
    plant: Callable[[Assembly], None], written: Callable[[Assembly], Path]
) -> None:
    check, severity = FAULTS[plant]
    assembly = deepcopy(templates(ENVIRONMENT))
    plant(assembly)

    code, printed = _preflight(written(assembly), "--json")

    found = json.loads(printed)["findings"]
    planted = [each for each in found if (each["check"], each["severity"]) == (check, severity)]
    assert planted, found
    assert all(each["remedy"] for each in planted)
    assert code == (1 if severity == "blocker" else 0)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_environment_has_a_fault_that_can_be_seen_offline(
    environment: str, written: Callable[[Assembly], Path]
) -> None:
    folder = written(dict(templates(environment)))

    result = CliRunner().invoke(
        app, ["preflight", "--env", environment, "--offline", "--assembly", str(folder), "--json"]
    )

    report = json.loads(result.stdout)
    assert report["ok"], report["findings"]
    assert result.exit_code == 0


def test_for_people_it_sums_up_what_was_found_and_what_was_not_looked_at(
    written: Callable[[Assembly], Path],
) -> None:
    assembly = deepcopy(templates(ENVIRONMENT))
    _volume_key(assembly)

    code, printed = _preflight(written(assembly))

    assert code == 1
    assert "  Remove kms_key_id from the endpoint configuration" in printed
    summary = printed.strip().splitlines()[-1]
    assert summary.startswith(f"{ENVIRONMENT}: 1 blocker, ")
    assert summary.endswith(" 5 not checked")


def test_another_environments_templates_are_refused(written: Callable[[Assembly], Path]) -> None:
    folder = written(dict(templates("sandbox")))

    result = CliRunner().invoke(
        app, ["preflight", "--env", ENVIRONMENT, "--offline", "--assembly", str(folder)]
    )

    assert f"no stack of {ENVIRONMENT}: it has adept-sandbox-" in str(result.exception)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_read_from_the_templates_is_what_adept_cost_counts(environment: str) -> None:
    plan = _plan(environment, templates(environment))
    cost = hourly_cost(plan.catalogue, plan.environment)

    planned = {
        (endpoint.name, variant.name): (variant.instance_types[0], variant.count, variant.count_max)
        for endpoint in plan.endpoints
        for variant in endpoint.variants
    }

    assert planned == {
        (endpoint_name(environment, use_case.use_case), str(variant.role)): (
            variant.instance_type,
            variant.count_min,
            variant.count_max,
        )
        for use_case in cost.use_cases
        for variant in use_case.variants
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_variant_is_read_completely(environment: str) -> None:
    plan = _plan(environment, templates(environment))

    assert len(plan.models) == len(plan.variants) > 0
    for variant in plan.variants:
        assert variant.model is not None
        assert variant.model.weights_prefix in plan.weights_prefixes
        assert variant.model.role_id is not None


def test_the_hosts_cuda_versions_are_those_that_aws_documents() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("ProductionVariant")
    documented = shape.members["InferenceAmiVersion"].documentation.partition("<dl>")[2]  # type: ignore[attr-defined]  # botocore-stubs: ProductionVariant is a structure

    by_name = {
        entry.partition("</dt>")[0]: entry
        for entry in documented.split("<dt>")[1:]
        if "CUDA version" in entry
    }

    assert by_name.keys() == AMI_CUDA.keys()
    for name, (major, minor) in AMI_CUDA.items():
        assert f"CUDA version: {major}.{minor}<" in by_name[name]


def _plan(environment: str, of: dict[str, Template]) -> Plan:
    catalogue = load_catalogue()
    return Plan(catalogue=catalogue, environment=catalogue.environment(environment), templates=of)
