"""What an endpoint stack promises: candidates as variants, pinned weights, no token, scaling where it can scale."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.model import Shape, StringShape
from botocore.session import get_session
from botocore.validate import ParamValidator

from endpoints.catalogue import Candidate, CandidateRole, UseCase, load_catalogue
from endpoints.catalogue.deployment import deployed_candidates
from endpoints.locks import read_lock, snapshot_of
from tests.infra.conftest import Template, only, resources, statements_of, templates

CATALOGUE = load_catalogue()
USE_CASES = CATALOGUE.use_cases


def _template(environment: str, use_case: UseCase) -> Template:
    return templates(environment)[f"adept-{environment}-{use_case.id}"]


def _deployed(environment: str, use_case: UseCase) -> tuple[Candidate, ...]:
    return deployed_candidates(use_case, CATALOGUE.environment(environment))


def _key(environment: str, use_case: UseCase, candidate: Candidate) -> str:
    """Where the lock says that the candidate's bytes lie."""
    return snapshot_of(read_lock(environment), use_case, candidate).key


def _instance_types(variant: dict[str, Any]) -> list[str]:
    """By priority, whether one is named or several."""
    pools = sorted(variant.get("InstancePools", []), key=lambda pool: int(pool["Priority"]))
    return [pool["InstanceType"] for pool in pools] or [variant["InstanceType"]]


@pytest.fixture(params=USE_CASES, ids=lambda use_case: use_case.id)
def use_case(request: pytest.FixtureRequest) -> UseCase:
    found = request.param
    assert isinstance(found, UseCase)
    return found


def test_the_endpoint_name_is_fixed_and_the_names_of_what_gets_replaced_are_not(
    environment: str, use_case: UseCase
) -> None:
    template = _template(environment, use_case)

    assert only(template, "AWS::SageMaker::Endpoint")["EndpointName"] == f"adept-{environment}-{use_case.id}"
    assert "EndpointConfigName" not in only(template, "AWS::SageMaker::EndpointConfig")
    assert all(
        "ModelName" not in model["Properties"]
        for model in resources(template, "AWS::SageMaker::Model").values()
    )


def test_variants_are_named_by_role_and_run_what_the_catalogue_says(
    environment: str, use_case: UseCase
) -> None:
    template = _template(environment, use_case)
    variants = only(template, "AWS::SageMaker::EndpointConfig")["ProductionVariants"]

    candidates = _deployed(environment, use_case)
    assert [variant["VariantName"] for variant in variants] == [c.role.value for c in candidates]
    for candidate, variant in zip(candidates, variants, strict=True):
        assert _instance_types(variant)[0] == candidate.instance_type
        assert variant["InferenceAmiVersion"] == CATALOGUE.container(candidate.engine).host_ami
        assert variant["InitialVariantWeight"] == (1 if candidate.role is CandidateRole.PRIMARY else 0)


def test_an_update_keeps_the_weights_and_counts_of_the_running_system(
    environment: str, use_case: UseCase
) -> None:
    assert (
        only(_template(environment, use_case), "AWS::SageMaker::Endpoint")["RetainAllVariantProperties"]
        is True
    )


def test_containers_read_pinned_weights_from_the_bucket_and_have_no_network(
    environment: str, use_case: UseCase
) -> None:
    models = resources(_template(environment, use_case), "AWS::SageMaker::Model").values()
    uris = [
        json.dumps(model["Properties"]["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]["S3Uri"])
        for model in models
    ]

    assert all(model["Properties"]["EnableNetworkIsolation"] is True for model in models)
    for candidate in _deployed(environment, use_case):
        assert sum(f"/{_key(environment, use_case, candidate)}/" in uri for uri in uris) == 1


def test_a_model_may_read_its_own_snapshot_and_no_other(environment: str, use_case: UseCase) -> None:
    template = _template(environment, use_case)
    for candidate in _deployed(environment, use_case):
        prefix = f"{_key(environment, use_case, candidate)}/*"
        statements = statements_of(template, role_prefix=f"Endpoint{candidate.role.value.capitalize()}Role")
        reads = [s for s in statements if s["Action"] == "s3:GetObject"]

        assert len(reads) == 1
        assert json.dumps(reads[0]["Resource"]).count("/*") == 1
        assert prefix in json.dumps(reads[0]["Resource"])


def test_a_model_may_use_the_shared_key_for_what_lies_in_s3_only(environment: str, use_case: UseCase) -> None:
    region = CATALOGUE.environment(environment).region
    uses = [s for s in statements_of(_template(environment, use_case)) if "kms:" in json.dumps(s["Action"])]

    assert len(uses) == len(_deployed(environment, use_case))
    for statement in uses:
        assert statement["Action"] == "kms:Decrypt"
        assert statement["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}


def test_wildcard_resources_are_only_the_two_actions_that_know_no_resource(
    environment: str, use_case: UseCase
) -> None:
    wild = [s for s in statements_of(_template(environment, use_case)) if s["Resource"] == "*"]

    assert {s["Action"] for s in wild} == {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}


def test_sagemaker_takes_every_model_and_every_configuration(environment: str, use_case: UseCase) -> None:
    """Against botocore's model of SageMaker: members, enumerations, ranges."""
    template = _template(environment, use_case)
    sagemaker = get_session().get_service_model("sagemaker")

    for model in resources(template, "AWS::SageMaker::Model").values():
        container = copy.deepcopy(model["Properties"]["PrimaryContainer"])
        source = container["ModelDataSource"]["S3DataSource"]
        source["S3Uri"] = "".join(
            part if isinstance(part, str) else "bucket" for part in source["S3Uri"]["Fn::Join"][1]
        )
        assert source["S3Uri"].endswith("/")  # or SageMaker would read every key that begins like it
        assert _faults(container, sagemaker.shape_for("ContainerDefinition")) == ""
    for variant in only(template, "AWS::SageMaker::EndpointConfig")["ProductionVariants"]:
        named = variant | {"ModelName": "named-by-cloudformation"}
        assert _faults(named, sagemaker.shape_for("ProductionVariant")) == ""
        amis = sagemaker.shape_for("ProductionVariantInferenceAmiVersion")
        assert isinstance(amis, StringShape)
        assert variant["InferenceAmiVersion"] in amis.enum


def _faults(value: Mapping[str, Any], shape: Shape) -> str:
    return str(ParamValidator().validate(value, shape).generate_report())


def test_no_container_environment_names_a_token(environment: str, use_case: UseCase) -> None:
    for model in resources(_template(environment, use_case), "AWS::SageMaker::Model").values():
        names = model["Properties"]["PrimaryContainer"]["Environment"].keys()
        assert not [name for name in names if re.search(r"TOKEN$|SECRET|API_KEY", name)]


def test_only_a_fleet_that_can_grow_registers_a_scalable_target(environment: str, use_case: UseCase) -> None:
    template = _template(environment, use_case)
    targets = resources(template, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    fleets = CATALOGUE.environment(environment).instances

    scaled = {target["Properties"]["ResourceId"]: target["Properties"] for target in targets}
    for role in (candidate.role for candidate in _deployed(environment, use_case)):
        fleet = fleets[role]
        resource_id = f"endpoint/adept-{environment}-{use_case.id}/variant/{role.value}"
        assert (resource_id in scaled) == (fleet.max > fleet.min)
        if resource_id in scaled:
            assert (scaled[resource_id]["MinCapacity"], scaled[resource_id]["MaxCapacity"]) == (
                fleet.min,
                fleet.max,
            )


def test_scaling_follows_the_requests_in_flight_of_the_use_cases_intent(
    environment: str, use_case: UseCase
) -> None:
    policies = resources(
        _template(environment, use_case), "AWS::ApplicationAutoScaling::ScalingPolicy"
    ).values()

    tracked = [p["Properties"] for p in policies if p["Properties"]["PolicyType"] == "TargetTrackingScaling"]
    for policy in tracked:
        tracking = policy["TargetTrackingScalingPolicyConfiguration"]
        assert tracking["TargetValue"] == use_case.scaling.target_concurrency
        metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
        assert metric == "SageMakerVariantConcurrentRequestsPerModelHighResolution"


def test_a_target_is_registered_after_its_endpoint_exists(environment: str, use_case: UseCase) -> None:
    template = _template(environment, use_case)
    endpoint = next(iter(resources(template, "AWS::SageMaker::Endpoint")))

    for target in resources(template, "AWS::ApplicationAutoScaling::ScalableTarget").values():
        assert endpoint in target["DependsOn"]
