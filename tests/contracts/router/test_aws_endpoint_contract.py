"""Where the router looks for SageMaker against botocore's data: every region, FIPS and dual stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.session import Session

from lambdas.router.aws.endpoints import EndpointError, dynamodb, s3_bucket, sagemaker_runtime

SESSION = Session()
PARTITIONS = SESSION.get_component("data_loader").load_data("partitions")
REGIONS = sorted(
    region
    for partition in PARTITIONS["partitions"]
    for region in partition["regions"]
    if "global" not in region
)


@pytest.mark.parametrize(("fips", "dual_stack"), [(False, False), (True, False), (False, True), (True, True)])
def test_every_regions_address_is_what_the_service_models_rules_say(fips: bool, dual_stack: bool) -> None:
    rules = _rules()
    for region in [*REGIONS, "xx-new-9"]:  # a region that is newer than the data
        expected = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url
        assert f"https://{sagemaker_runtime(region, _switches(fips, dual_stack)).host}" == expected


@pytest.mark.parametrize(("fips", "dual_stack"), [(False, False), (True, False), (False, True), (True, True)])
def test_so_are_those_of_dynamodb_and_of_a_bucket(fips: bool, dual_stack: bool) -> None:
    of_dynamodb, of_s3, switches = _rules("dynamodb"), _rules("s3"), _switches(fips, dual_stack)
    for region in [*REGIONS, "xx-new-9"]:
        place = {"Region": region, "UseFIPS": fips, "UseDualStack": dual_stack}
        assert f"https://{dynamodb(region, switches).host}" == of_dynamodb.resolve_endpoint(**place).url
        if fips and region.startswith("cn-"):
            continue  # there is none: S3's rules end in an error, and so does the request
        for bucket in ("route-tables", "route.tables"):
            origin = s3_bucket(bucket, region, switches)
            rule = of_s3.resolve_endpoint(**place, Bucket=bucket, **_S3_DEFAULTS)
            assert f"https://{origin.host}{origin.base_path}" == rule.url


_S3_DEFAULTS = {"ForcePathStyle": False, "Accelerate": False, "UseGlobalEndpoint": False}


def _rules(service: str = "sagemaker-runtime") -> Any:
    loader = SESSION.get_component("data_loader")
    return EndpointProvider(
        ruleset_data=loader.load_service_model(service, "endpoint-rule-set-1"),
        partition_data=loader.load_data("partitions"),
    )


def _switches(fips: bool, dual_stack: bool) -> dict[str, str]:
    return {"AWS_USE_FIPS_ENDPOINT": str(fips).lower(), "AWS_USE_DUALSTACK_ENDPOINT": str(dual_stack).lower()}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "http://127.0.0.1:4566"),
        (
            {"AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "https://b/base/"},
            "https://b:443/base",
        ),
        (
            {"AWS_ENDPOINT_URL": "http://a:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://runtime.sagemaker.us-east-1.amazonaws.com:443",
        ),
    ],
)
def test_the_environment_can_name_another_address(environ: Mapping[str, str], url: str) -> None:
    origin = sagemaker_runtime("us-east-1", environ)
    assert f"{origin.scheme}://{origin.host}:{origin.port}{origin.base_path}" == url


@pytest.mark.parametrize(
    ("region", "environ"),
    [
        ("evil.example/", {}),
        ("", {}),
        ("us-east-1", {"AWS_ENDPOINT_URL": "ftp://a"}),
        ("us-east-1", {"AWS_ENDPOINT_URL": "http://a:99999"}),
        ("us-east-1", {"AWS_ENDPOINT_URL": "http://a", "AWS_USE_FIPS_ENDPOINT": "true"}),
    ],
)
def test_what_is_no_address_is_refused(region: str, environ: Mapping[str, str]) -> None:
    with pytest.raises(EndpointError):
        sagemaker_runtime(region, environ)


def test_another_address_has_the_bucket_in_its_path() -> None:
    origin = s3_bucket("route-tables", "us-east-1", {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/base/"})
    assert (origin.host, origin.port, origin.base_path) == ("127.0.0.1", 4566, "/base/route-tables")


@pytest.mark.parametrize("bucket", ["", "A", "a/b", "evil.example/", "x" * 64, "-a-"])
def test_what_is_no_bucket_is_refused(bucket: str) -> None:
    with pytest.raises(EndpointError):
        s3_bucket(bucket, "us-east-1", {})
