"""The route table's custom resource against S3: put in place, replaced, and removed with every version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from endpoints.local.clients import client_environment
from lambdas.route_table.handler import apply
from tests.contracts.ministack.running import Running, embedded_aws

PROPERTIES = {"Bucket": "tables", "Key": "route_table.json", "SourceBucket": "assets"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with embedded_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def s3(aws: Running, monkeypatch: pytest.MonkeyPatch) -> Any:
    """S3 with two tables among the assets, and an empty versioned bucket; the function reaches it as in Lambda."""
    for name, value in client_environment(aws.settings).items():
        monkeypatch.setenv(name, value)
    client = aws.client("s3")
    client.create_bucket(Bucket="assets")
    client.create_bucket(Bucket="tables")
    client.put_bucket_versioning(Bucket="tables", VersioningConfiguration={"Status": "Enabled"})
    for key in ("first", "second"):
        client.put_object(Bucket="assets", Key=key, Body=f'{{"table": "{key}"}}'.encode())
    return client


def _source(key: str) -> dict[str, str]:
    return {**PROPERTIES, "SourceKey": key}


def test_a_deploy_puts_its_table_in_place_and_leaves_nothing_when_its_stack_goes(s3: Any) -> None:
    # Given the first deploy's table
    apply("Create", _source("first"))
    first = s3.get_object(Bucket="tables", Key="route_table.json")
    assert (first["Body"].read(), first["ContentType"]) == (b'{"table": "first"}', "application/json")

    # When another one is deployed, then its ETag tells, and an unchanged one is not sent again
    apply("Update", _source("second"))
    second = s3.get_object(Bucket="tables", Key="route_table.json")
    assert second["Body"].read() == b'{"table": "second"}'
    assert second["ETag"] != first["ETag"]
    with pytest.raises(s3.exceptions.ClientError) as unchanged:
        s3.get_object(Bucket="tables", Key="route_table.json", IfNoneMatch=second["ETag"])
    assert unchanged.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304

    # When the stack is deleted, then no version is left and the bucket can go
    apply("Delete", _source("second"))
    s3.delete_bucket(Bucket="tables")


@pytest.mark.usefixtures("s3")
def test_a_table_that_is_gone_already_is_no_failure() -> None:
    apply("Delete", _source("first"))
