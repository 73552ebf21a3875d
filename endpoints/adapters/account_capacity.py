"""What an account may run and does run: quotas, what the region offers, endpoints there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.preflight import Quota
from endpoints.templates import instance_types

_QUOTA_NAME: Final = re.compile(r"(?P<instance_type>ml\.[a-z0-9-]+\.[a-z0-9]+) for endpoint usage")
_SERVICE: Final = "sagemaker"
_LARGEST_PAGE: Final = 100


def endpoint_quotas(account: Account, types: Iterable[str]) -> Mapping[str, Quota]:
    """Applied quotas "<type> for endpoint usage", by instance type; where none is applied, AWS's default.

    Types without such a quota are missing. Raises `RemoteError`.
    """
    wanted = frozenset(types)
    with aws_errors("read the quotas of Amazon SageMaker", endpoint_url=account.endpoint_url):
        client = account.client("service-quotas")
        found = dict(_quotas(client, "list_service_quotas", wanted))
        if missing := wanted - found.keys():
            # A quota that nobody ever changed may have a default only.
            found |= dict(_quotas(client, "list_aws_default_service_quotas", missing))
    return found


def offered_instance_types(account: Account, types: Iterable[str]) -> frozenset[str]:
    """Those whose EC2 type (`g5.xlarge` of `ml.g5.xlarge`) the region offers. Raises `RemoteError`."""
    names = [instance_type.removeprefix("ml.") for instance_type in types]
    with aws_errors("read which instance types the region offers", endpoint_url=account.endpoint_url):
        pages = (
            account.client("ec2")
            .get_paginator("describe_instance_type_offerings")
            .paginate(LocationType="region", Filters=[{"Name": "instance-type", "Values": names}])
        )
        return frozenset(
            f"ml.{offering['InstanceType']}" for page in pages for offering in page["InstanceTypeOfferings"]
        )


def live_instances(account: Account) -> Mapping[str, Mapping[str, int]]:
    """Instances by type of every endpoint of account and region, by endpoint name. Raises `RemoteError`."""
    with aws_errors("read the endpoints of the account", endpoint_url=account.endpoint_url):
        client = account.client("sagemaker")
        pages = client.get_paginator("list_endpoints").paginate()
        names = [endpoint["EndpointName"] for page in pages for endpoint in page["Endpoints"]]
        counts = ((name, _instances(client, name)) for name in names)
        return {name: count for name, count in counts if count is not None}


def _quotas(client: Any, operation: str, wanted: frozenset[str]) -> Iterator[tuple[str, Quota]]:
    """Amazon SageMaker has thousands of quotas: reading ends with the last one that is wanted."""
    missing = set(wanted)
    pages = client.get_paginator(operation).paginate(
        ServiceCode=_SERVICE, PaginationConfig={"PageSize": _LARGEST_PAGE}
    )
    for page in pages:
        for quota in page["Quotas"]:
            name = _QUOTA_NAME.fullmatch(quota["QuotaName"])
            if name and name["instance_type"] in missing:
                missing.remove(name["instance_type"])
                yield name["instance_type"], Quota(code=quota["QuotaCode"], value=float(quota["Value"]))
        if not missing:
            return


def _instances(client: Any, name: str) -> Mapping[str, int] | None:
    """None when the endpoint went away between the list and this."""
    try:
        endpoint = client.describe_endpoint(EndpointName=name)
        config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    except ClientError as error:
        if error_code(error) == "ValidationException" and "Could not find" in str(error):
            return None
        raise
    running = {variant["VariantName"]: variant for variant in endpoint.get("ProductionVariants", [])}
    counts: Counter[str] = Counter()
    for variant in config["ProductionVariants"]:
        counts.update(_of_variant(variant, running.get(variant["VariantName"], {})))
    return dict(counts)


def _of_variant(variant: Mapping[str, Any], running: Mapping[str, Any]) -> Mapping[str, int]:
    """Instances by type: as they are now, or as configured while the variant is being created."""
    if pools := running.get("InstancePools"):
        return {pool["InstanceType"]: pool.get("CurrentInstanceCount", 0) for pool in pools}
    now = running.get("CurrentInstanceCount")
    count = variant.get("InitialInstanceCount", 0) if now is None else now
    meant = instance_types(variant)[:1]  # of pools the first; a serverless variant has none
    return dict.fromkeys(meant, count)
