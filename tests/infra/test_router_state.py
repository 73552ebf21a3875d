"""What the router keeps outside of itself: counters per key, and the route table."""

from __future__ import annotations

import json

import pytest

from endpoints.catalogue import KeyLimits, load_catalogue
from tests.infra.api import router_template
from tests.infra.conftest import Template, only, resources, statements_of, templates

FUNCTION = "RouterFunction0F681190"


def _template(environment: str) -> Template:
    return templates(environment)[f"adept-{environment}-router"]


def _variables(template: Template) -> dict[str, object]:
    return dict(template["Resources"][FUNCTION]["Properties"]["Environment"]["Variables"])


# Counters


def test_counters_cost_nothing_while_nobody_calls_and_vanish_when_they_expire(environment: str) -> None:
    table = only(_template(environment), "AWS::DynamoDB::Table")

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]


def test_counters_can_be_recovered_where_the_environment_keeps_data(environment: str) -> None:
    table = only(_template(environment), "AWS::DynamoDB::Table")
    kept = load_catalogue().environment(environment).retain_data

    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is kept


def test_the_router_is_told_the_limits_that_the_environment_sets() -> None:
    limits = KeyLimits(tokens_per_day=500_000, when_unavailable="refuse")
    variables = _variables(router_template(api={"key_limits": limits}))

    assert variables["LIMITS_TABLE"] == {"Ref": "KeyCountersTableD58B73B3"}
    assert variables["LIMITS_TOKENS_PER_DAY"] == "500000"
    assert variables["LIMITS_WHEN_UNAVAILABLE"] == "refuse"
    assert "LIMITS_REQUESTS_PER_MINUTE" not in variables


def test_without_limits_the_router_counts_nothing() -> None:
    assert not [name for name in _variables(router_template()) if name.startswith("LIMITS_")]


# What circuit breakers found


def test_processes_share_what_they_found_in_the_counters_table_where_the_environment_wants_that() -> None:
    template = router_template(router={"share_breakers": True})
    (reads,) = _reads(template)

    assert _variables(template)["BREAKERS_TABLE"] == {"Ref": "KeyCountersTableD58B73B3"}
    assert reads == {
        "Action": "dynamodb:GetItem",
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["breaker#*"]}},
        "Effect": "Allow",
        "Resource": {"Fn::GetAtt": ["KeyCountersTableD58B73B3", "Arn"]},
    }


def test_elsewhere_the_router_reads_no_item_and_is_told_of_no_table(environment: str) -> None:
    assert "BREAKERS_TABLE" not in _variables(_template(environment))
    assert not _reads(_template(environment))


def _reads(template: Template) -> list[dict[str, object]]:
    statements = statements_of(template, role_prefix="Router")
    return [each for each in statements if "dynamodb:GetItem" in json.dumps(each)]


# The route table


def test_the_router_is_told_where_its_table_lies_and_so_is_the_operator(environment: str) -> None:
    template = _template(environment)
    url = _variables(template)["ROUTE_TABLE_URL"]

    assert url == template["Outputs"]["RouteTableUrl"]["Value"]
    assert url == {"Fn::Join": ["", ["s3://", {"Ref": "RouteTableBucketF9184F54"}, "/route_table.json"]]}


def test_what_the_deploy_brings_along_can_be_read_beside_what_is_in_force(environment: str) -> None:
    template = _template(environment)
    written = only(template, "Custom::AdeptRouteTable")
    deployed = template["Outputs"]["DeployedRouteTableUrl"]["Value"]

    assert deployed == {"Fn::Sub": f"s3://{written['SourceBucket']['Fn::Sub']}/{written['SourceKey']}"}


def test_the_tables_bucket_is_private_encrypted_and_keeps_old_tables(environment: str) -> None:
    bucket = only(_template(environment), "AWS::S3::Bucket")

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    policy = json.dumps(only(_template(environment), "AWS::S3::BucketPolicy"))
    assert "aws:SecureTransport" in policy


def test_a_deploy_may_write_that_one_table_and_read_that_one_asset(environment: str) -> None:
    statements = statements_of(_template(environment), role_prefix="RouteTableWriter")
    reached = {json.dumps(s["Action"]): json.dumps(s["Resource"]) for s in statements}

    assert reached.pop('["logs:CreateLogStream", "logs:PutLogEvents"]')
    assert '/route_table.json"' in reached.pop(
        '["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"]'
    )
    assert '.json"' in reached.pop('"s3:GetObject"')
    assert "*" not in reached.pop('"s3:ListBucketVersions"')
    assert not reached


@pytest.mark.parametrize("environment_name", ["sandbox", "production"])
def test_a_table_goes_with_its_stack_unless_the_environment_keeps_data(environment_name: str) -> None:
    template = _template(environment_name)
    (custom,) = resources(template, "Custom::AdeptRouteTable").values()
    (bucket,) = resources(template, "AWS::S3::Bucket").values()

    kept = load_catalogue().environment(environment_name).retain_data
    assert custom["DeletionPolicy"] == bucket["DeletionPolicy"] == ("Retain" if kept else "Delete")
