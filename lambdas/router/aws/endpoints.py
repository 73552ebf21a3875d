"""Where an AWS service is. Rules and partitions are botocore's data; a test holds every region to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lambdas.router.http.origin import Origin


class Partition(NamedTuple):
    """A set of regions with a name space of its own."""

    name: str
    region_prefix: str
    suffix: str
    dual_stack_suffix: str


_AWS = Partition("aws", "", "amazonaws.com", "api.aws")  # and every region that no other one claims
_PARTITIONS = (
    Partition("aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    Partition("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
    Partition("aws-eusc", "eusc-de-", "amazonaws.eu", "api.amazonwebservices.eu"),
    Partition("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    Partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    Partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    Partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
)
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class EndpointError(Exception):
    """The environment names no address. The message is for the router's log and its caller."""


def region_of(environ: Mapping[str, str]) -> str | None:
    """The region that the environment names; None where only a profile can."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None


def sagemaker_runtime(region: str, environ: Mapping[str, str]) -> Origin:
    """The SageMaker runtime's address. Raises EndpointError."""
    return _origin("SAGEMAKER_RUNTIME", environ, lambda fips, dual: _runtime_host(_known(region), fips, dual))


def dynamodb(region: str, environ: Mapping[str, str]) -> Origin:
    """DynamoDB's address. Raises EndpointError."""
    return _origin("DYNAMODB", environ, lambda fips, dual: _dynamodb_host(_known(region), fips, dual))


def s3_bucket(bucket: str, region: str, environ: Mapping[str, str]) -> Origin:
    """A bucket's address: `base_path` is not empty where the bucket is named there. Raises EndpointError."""
    if not _BUCKET.fullmatch(bucket):
        raise EndpointError(f"{bucket[:80]!r} is not the name of a bucket")
    origin = _origin("S3", environ, lambda fips, dual: _s3_host(_known(region), fips, dual))
    if _override(environ, "S3") or "." in bucket:  # a certificate for *.s3 covers no dots
        return origin._replace(base_path=f"{origin.base_path}/{bucket}")
    return origin._replace(host=f"{bucket}.{origin.host}")


def _origin(service: str, environ: Mapping[str, str], host: Callable[[bool, bool], str]) -> Origin:
    is_fips, is_dual_stack = _is_set(environ, "FIPS"), _is_set(environ, "DUALSTACK")
    override = _override(environ, service)
    if override and (is_fips or is_dual_stack):
        raise EndpointError("AWS_ENDPOINT_URL cannot be combined with FIPS or dual-stack endpoints")
    try:
        return Origin.parse(override or f"https://{host(is_fips, is_dual_stack)}")
    except ValueError as error:
        raise EndpointError(f"AWS_ENDPOINT_URL: {error}") from error


def _known(region: str) -> str:
    if not _REGION.fullmatch(region):
        raise EndpointError(f"{region[:60]!r} is not the name of a region")
    return region


def _partition(region: str) -> Partition:
    return next((each for each in _PARTITIONS if region.startswith(each.region_prefix)), _AWS)


def _runtime_host(region: str, is_fips: bool, is_dual_stack: bool) -> str:
    partition = _partition(region)
    if is_dual_stack:
        return f"runtime.sagemaker{'-fips' * is_fips}.{region}.{partition.dual_stack_suffix}"
    if is_fips and partition.name == "aws":
        return f"runtime-fips.sagemaker.{region}.{partition.suffix}"
    if is_fips and partition.name != "aws-us-gov":  # where the ordinary one is FIPS already
        return f"runtime.sagemaker-fips.{region}.{partition.suffix}"
    return f"runtime.sagemaker.{region}.{partition.suffix}"


def _dynamodb_host(region: str, is_fips: bool, is_dual_stack: bool) -> str:
    partition = _partition(region)
    suffix = partition.dual_stack_suffix if is_dual_stack else partition.suffix
    is_named = is_fips and (is_dual_stack or partition.name != "aws-us-gov")
    return f"dynamodb{'-fips' * is_named}.{region}.{suffix}"


def _s3_host(region: str, is_fips: bool, is_dual_stack: bool) -> str:
    return f"s3{'-fips' * is_fips}{'.dualstack' * is_dual_stack}.{region}.{_partition(region).suffix}"


def _override(environ: Mapping[str, str], service: str) -> str | None:
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get(f"AWS_ENDPOINT_URL_{service}") or environ.get("AWS_ENDPOINT_URL") or None


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(f"AWS_USE_{name}_ENDPOINT", "").lower() == "true"
