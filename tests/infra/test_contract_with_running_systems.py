"""Logical ids of what is costly or holds data: a renamed construct would replace a GPU fleet or lose data.

A change here is a migration, never a clean-up. New resources may be added; these stay.
"""

from __future__ import annotations

from endpoints.catalogue import CandidateRole, load_catalogue
from endpoints.catalogue.deployment import deployed_candidates
from tests.infra.conftest import templates

FOUNDATION = {
    "Key961B73FD": "AWS::KMS::Key",
    "WeightsAccessLogs1481E6B0": "AWS::S3::Bucket",
    "WeightsBucket670F500A": "AWS::S3::Bucket",
    "HuggingFaceTokenSecretD74994DF": "AWS::SecretsManager::Secret",
    "Alerts91F83244": "AWS::SNS::Topic",
}
ENDPOINT = {
    "Endpoint8024A810": "AWS::SageMaker::Endpoint",
    "EndpointConfig24AD0A28": "AWS::SageMaker::EndpointConfig",
}
SCALING = {
    CandidateRole.PRIMARY: {"PrimaryScalingTarget361A5277": "AWS::ApplicationAutoScaling::ScalableTarget"},
    CandidateRole.ALTERNATIVE: {
        "AlternativeScalingTargetB5C2119A": "AWS::ApplicationAutoScaling::ScalableTarget"
    },
}
ROUTER = {
    "ApiCD79AAA0": "AWS::ApiGateway::RestApi",
    "ApiKey679C99C7": "AWS::ApiGateway::ApiKey",
    "KeyCountersTableD58B73B3": "AWS::DynamoDB::Table",
    "RouteTableBucketF9184F54": "AWS::S3::Bucket",
}


def _types(environment: str, part: str) -> dict[str, str]:
    template = templates(environment)[f"adept-{environment}-{part}"]
    return {logical_id: resource["Type"] for logical_id, resource in template["Resources"].items()}


def test_the_foundations_data_keeps_its_logical_ids(environment: str) -> None:
    assert FOUNDATION.items() <= _types(environment, "foundation").items()


def test_every_use_cases_endpoint_keeps_its_logical_ids(environment: str) -> None:
    for use_case in load_catalogue().use_cases:
        assert ENDPOINT.items() <= _types(environment, use_case.id).items()


def test_registered_scalable_targets_keep_their_logical_ids(environment: str) -> None:
    fleets = load_catalogue().environment(environment).instances
    growing = [role for role, fleet in fleets.items() if fleet.max > fleet.min]
    for use_case in load_catalogue().use_cases:
        own = {c.role for c in deployed_candidates(use_case, load_catalogue().environment(environment))}
        for role in own.intersection(growing):
            assert SCALING[role].items() <= _types(environment, use_case.id).items()


def test_the_url_the_key_the_counters_and_the_route_table_keep_their_logical_ids(environment: str) -> None:
    assert ROUTER.items() <= _types(environment, "router").items()


def test_stack_names_are_the_environments_and_the_use_cases(environment: str) -> None:
    parts = ["foundation", *(use_case.id for use_case in load_catalogue().use_cases), "router", "operations"]

    assert set(templates(environment)) == {f"adept-{environment}-{part}" for part in parts}
