"""Which snapshots of a bucket the account's SageMaker models load: what an endpoint needs when an instance starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.weights.layout import SnapshotId, snapshot_of_uri


def models_in_use(
    account: Account, bucket: str, progress: Callable[[str], None]
) -> Mapping[SnapshotId, tuple[str, ...]]:
    """Names of models by the snapshot that they load, deployed at this moment or not. Raises `RemoteError`."""
    found: dict[SnapshotId, list[str]] = {}
    with aws_errors("read the models of the account", endpoint_url=account.endpoint_url):
        client = account.client("sagemaker")
        names = [
            str(model["ModelName"])
            for page in client.get_paginator("list_models").paginate()
            for model in page["Models"]
        ]
        if names:
            progress(f"asking {len(names)} models what they load")
        for name in names:
            for uri in _uris(_described(client, name)):
                if snapshot := snapshot_of_uri(uri, bucket):
                    found.setdefault(snapshot, []).append(name)
    return {snapshot: tuple(models) for snapshot, models in found.items()}


def _described(client: Any, name: str) -> Mapping[str, Any]:
    """Empty for a model that was deleted meanwhile."""
    try:
        described: Mapping[str, Any] = client.describe_model(ModelName=name)
    except ClientError as error:
        if error_code(error) == "ValidationException" and "Could not find" in str(error):
            return {}
        raise
    return described


def _uris(model: Mapping[str, Any]) -> Iterator[str]:
    containers = [model.get("PrimaryContainer"), *(model.get("Containers") or ())]
    for container in filter(None, containers):
        sources = [container.get("ModelDataSource"), *(container.get("AdditionalModelDataSources") or ())]
        for source in filter(None, sources):
            if uri := (source.get("S3DataSource") or {}).get("S3Uri"):
                yield str(uri)
        if container.get("ModelDataUrl"):
            yield str(container["ModelDataUrl"])
