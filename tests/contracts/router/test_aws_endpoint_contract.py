"""Where the router looks for SageMaker against botocore's data: every region, FIPS and dual stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.session import Session

from lambdas.router.aws.endpoints import EndpointError, sagemaker_runtime

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


def _rules() -> Any:
    loader = SESSION.get_component("data_loader")
    return EndpointProvider(
        ruleset_data=loader.load_service_model("sagemaker-runtime", "endpoint-rule-set-1"),
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
