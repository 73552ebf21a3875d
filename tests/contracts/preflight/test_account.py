"""Gathering through real botocore clients: requests and answers are held to AWS's service models."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from endpoints.adapters import account_facts
from endpoints.adapters.account_capacity import endpoint_quotas, live_instances, offered_instance_types
from endpoints.adapters.account_clients import Account
from endpoints.adapters.account_facts import gather
from endpoints.adapters.account_images import image_digest
from endpoints.adapters.account_weights import Foundation, foundation, require_foundation, staged_snapshot
from endpoints.adapters.hub_access import stored_token
from endpoints.errors import RemoteError
from endpoints.preflight import Fact, HubAccess, Quota, Staged
from tests.unit.preflight.support import DIGEST, IMAGE, LLAMA, checked, plan_of, staged, template

REGION = "us-east-1"
G5, G6 = "ml.g5.xlarge", "ml.g6.xlarge"
TOKEN = "not-a-real-token"
NAMES = {"registryId": "763104351884", "repositoryName": "huggingface-pytorch-tgi-inference"}


@dataclass(frozen=True)
class Stubbed(Account):
    """An account whose clients answer what was put into them."""

    stubs: dict[str, Stubber] = field(default_factory=dict)
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = super().client(service)
            self.stubs[service] = Stubber(self.clients[service])
            self.stubs[service].activate()
        return self.clients[service]

    def answers(
        self, service: str, operation: str, answer: Mapping[str, Any], asked: Mapping[str, Any] | None = None
    ) -> None:
        """The next answer; `asked` are the parameters that it is the answer to."""
        self.client(service)
        expected = None if asked is None else dict(asked)
        self.stubs[service].add_response(operation, dict(answer), expected)

    def refuses(
        self, service: str, operation: str, code: str, message: str = "no", status: int = 400
    ) -> None:
        self.client(service)
        self.stubs[service].add_client_error(operation, code, message, http_status_code=status)


@pytest.fixture
def account() -> Iterator[Stubbed]:
    stubbed = Stubbed(boto3.Session("key", "secret", region_name=REGION), REGION)
    yield stubbed
    for stub in stubbed.stubs.values():
        stub.assert_no_pending_responses()


@contextmanager
def _not_gathered(saying: str) -> Iterator[None]:
    with pytest.raises(RemoteError, match=saying):
        yield


def _quota(name: str, code: str, value: float) -> dict[str, Any]:
    return {"ServiceCode": "sagemaker", "QuotaName": name, "QuotaCode": code, "Value": value}


class TestQuotas:
    def test_the_applied_value_counts_and_reading_ends_when_all_are_known(self, account: Stubbed) -> None:
        page = [
            _quota("ml.g5.xlarge for training job usage", "L-1", 9),
            _quota("ml.g5.xlarge for endpoint usage", "L-2", 4),
        ]
        answer = {"Quotas": page, "NextToken": "more"}  # the second page is never asked for
        account.answers(
            "service-quotas", "list_service_quotas", answer, {"ServiceCode": "sagemaker", "MaxResults": 100}
        )

        assert endpoint_quotas(account, [G5]) == {G5: Quota(code="L-2", value=4)}

    def test_where_none_is_applied_aws_default_counts(self, account: Stubbed) -> None:
        account.answers("service-quotas", "list_service_quotas", {"Quotas": []})
        account.answers(
            "service-quotas",
            "list_aws_default_service_quotas",
            {"Quotas": [_quota("ml.g5.xlarge for endpoint usage", "L-2", 0)]},
        )

        assert endpoint_quotas(account, [G5, G6]) == {G5: Quota(code="L-2", value=0)}

    def test_not_allowed_to_read_them(self, account: Stubbed) -> None:
        account.refuses("service-quotas", "list_service_quotas", "AccessDeniedException")

        with _not_gathered("Could not read the quotas"):
            endpoint_quotas(account, [G5])


def test_offerings_are_asked_for_by_ec2_names(account: Stubbed) -> None:
    account.answers(
        "ec2",
        "describe_instance_type_offerings",
        {"InstanceTypeOfferings": [{"InstanceType": "g5.xlarge", "LocationType": "region"}]},
        {
            "LocationType": "region",
            "Filters": [{"Name": "instance-type", "Values": ["g5.xlarge", "g6.xlarge"]}],
        },
    )

    assert offered_instance_types(account, [G5, G6]) == {G5}


class TestLiveEndpoints:
    def test_current_counts_by_type_of_every_endpoint(self, account: Stubbed) -> None:
        account.answers("sagemaker", "list_endpoints", {"Endpoints": [_listed("one"), _listed("gone")]})
        account.answers(
            "sagemaker", "describe_endpoint", _described("one", {"primary": 3}), {"EndpointName": "one"}
        )
        pools = [{"InstanceType": G6, "Priority": 2}, {"InstanceType": G5, "Priority": 1}]
        account.answers(
            "sagemaker",
            "describe_endpoint_config",
            _config(
                {"VariantName": "primary", "InstanceType": G5, "InitialInstanceCount": 2},
                {"VariantName": "alternative", "InstancePools": pools, "InitialInstanceCount": 1},
            ),
        )
        account.refuses(
            "sagemaker", "describe_endpoint", "ValidationException", 'Could not find endpoint "gone"'
        )

        assert live_instances(account) == {"one": {G5: 4}}

    def test_a_variant_of_pools_counts_as_what_it_really_runs_on(self, account: Stubbed) -> None:
        # given a fleet of two, one of which the second pool had to provide
        account.answers("sagemaker", "list_endpoints", {"Endpoints": [_listed("one")]})
        described = _described("one", {"primary": 2})
        described["ProductionVariants"][0]["InstancePools"] = [
            {"InstanceType": G5, "CurrentInstanceCount": 1},
            {"InstanceType": G6, "CurrentInstanceCount": 1},
        ]
        account.answers("sagemaker", "describe_endpoint", described)
        pools = [{"InstanceType": G5, "Priority": 1}, {"InstanceType": G6, "Priority": 2}]
        variant = {"VariantName": "primary", "InstancePools": pools, "InitialInstanceCount": 2}
        account.answers("sagemaker", "describe_endpoint_config", _config(variant))

        assert live_instances(account) == {"one": {G5: 1, G6: 1}}

    def test_another_refusal_is_not_mistaken_for_an_endpoint_that_went_away(self, account: Stubbed) -> None:
        account.answers("sagemaker", "list_endpoints", {"Endpoints": [_listed("one")]})
        account.refuses("sagemaker", "describe_endpoint", "AccessDeniedException")

        with _not_gathered("read the endpoints"):
            live_instances(account)


class TestImages:
    def test_asked_for_as_a_pull_asks(self, account: Stubbed) -> None:
        asked = {
            **NAMES,
            "imageIds": [{"imageTag": "2.7.0-tgi3.3.6-gpu-py311-cu124"}],
            "acceptedMediaTypes": ANY,
        }
        found = {"images": [{"imageId": {"imageDigest": DIGEST}}], "failures": []}
        account.answers("ecr", "batch_get_image", found, asked)

        assert image_digest(account, IMAGE) == DIGEST

    def test_an_image_that_is_pinned_is_asked_for_by_its_digest(self, account: Stubbed) -> None:
        pinned = f"{IMAGE.partition(':')[0]}@{DIGEST}"
        asked = {**NAMES, "imageIds": [{"imageDigest": DIGEST}], "acceptedMediaTypes": ANY}
        found = {"images": [{"imageId": {"imageDigest": DIGEST}}], "failures": []}
        account.answers("ecr", "batch_get_image", found, asked)

        assert image_digest(account, pinned) == DIGEST

    def test_a_tag_that_is_not_there(self, account: Stubbed) -> None:
        failures = [{"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}]
        account.answers("ecr", "batch_get_image", {"images": [], "failures": failures})

        assert image_digest(account, IMAGE) is None

    def test_a_repository_that_is_not_there(self, account: Stubbed) -> None:
        account.refuses("ecr", "batch_get_image", "RepositoryNotFoundException")

        assert image_digest(account, IMAGE) is None

    def test_a_registry_that_may_not_be_asked_is_no_answer(self, account: Stubbed) -> None:
        account.refuses("ecr", "batch_get_image", "AccessDeniedException")

        with _not_gathered("look for the image"):
            image_digest(account, IMAGE)


class TestFoundation:
    def test_its_outputs(self, account: Stubbed) -> None:
        account.answers(
            "cloudformation", "describe_stacks", _stack("CREATE_COMPLETE", bucket="b", secret="s")
        )

        assert foundation(account, "production") == Foundation(bucket="b", token_secret="s")

    def test_not_deployed(self, account: Stubbed) -> None:
        account.refuses("cloudformation", "describe_stacks", "ValidationError", "does not exist")

        assert foundation(account, "production") is None

    @pytest.mark.parametrize(
        ("endpoint_url", "remedy"),
        [
            (None, "cdk deploy -c environment=production adept-production-foundation"),
            ("http://127.0.0.1:4577", "adept deploy --env production"),
        ],
    )
    def test_where_it_is_needed_its_absence_comes_with_the_command_that_deploys_it(
        self, account: Stubbed, endpoint_url: str | None, remedy: str
    ) -> None:
        account.refuses("cloudformation", "describe_stacks", "ValidationError", "does not exist")

        with pytest.raises(RemoteError) as refused:
            require_foundation(replace(account, endpoint_url=endpoint_url), "production")
        assert remedy in str(refused.value.remedy)

    def test_never_finished(self, account: Stubbed) -> None:
        account.answers("cloudformation", "describe_stacks", _stack("ROLLBACK_COMPLETE"))

        with _not_gathered("its status is ROLLBACK_COMPLETE"):
            foundation(account, "production")


class TestStagedSnapshot:
    def _listed(self, account: Stubbed) -> None:
        account.answers(
            "s3",
            "list_objects_v2",
            {"Contents": [{"Key": f"{LLAMA}/config.json", "Size": 100}], "IsTruncated": False},
            {"Bucket": "b", "Prefix": f"{LLAMA}/"},
        )

    def _manifest(self, account: Stubbed, body: bytes) -> None:
        answer = {"Body": StreamingBody(io.BytesIO(body), len(body))}
        account.answers("s3", "get_object", answer, {"Bucket": "b", "Key": f"_manifests/{LLAMA}.json"})

    def test_sizes_and_the_manifest(self, account: Stubbed) -> None:
        manifest = staged().manifest
        assert manifest is not None
        self._listed(account)
        self._manifest(account, manifest.to_json().encode())

        assert staged_snapshot(account, "b", LLAMA) == Staged(sizes={"config.json": 100}, manifest=manifest)

    def test_files_without_a_manifest(self, account: Stubbed) -> None:
        self._listed(account)
        account.refuses("s3", "get_object", "NoSuchKey", status=404)

        assert staged_snapshot(account, "b", LLAMA) == Staged(sizes={"config.json": 100})

    def test_a_manifest_that_somebody_wrote_by_hand(self, account: Stubbed) -> None:
        self._listed(account)
        self._manifest(account, b"{}")

        found = staged_snapshot(account, "b", LLAMA)

        assert found.manifest is None
        assert "is not a manifest" in str(found.damage)

    def test_a_manifest_that_may_not_be_read_is_no_answer(self, account: Stubbed) -> None:
        self._listed(account)
        account.refuses("s3", "get_object", "AccessDenied", status=403)

        with _not_gathered("read s3://b/_manifests"):
            staged_snapshot(account, "b", LLAMA)


class TestStoredToken:
    @pytest.mark.parametrize(
        ("stored", "token"),
        [(f"{TOKEN}\n", TOKEN), (f'{{"token": "{TOKEN}"}}', TOKEN), (" \n", None), ('{"token": ""}', None)],
    )
    def test_as_people_store_it(self, account: Stubbed, stored: str, token: str | None) -> None:
        account.answers("secretsmanager", "get_secret_value", {"SecretString": stored}, {"SecretId": "s"})

        assert stored_token(account, "s") == token

    def test_a_secret_without_a_version_holds_none(self, account: Stubbed) -> None:
        account.refuses("secretsmanager", "get_secret_value", "ResourceNotFoundException")

        assert stored_token(account, "s") is None


class TestGathering:
    def test_credentials_that_aws_does_not_know_are_one_reason_for_everything(self, account: Stubbed) -> None:
        account.refuses(
            "sts", "get_caller_identity", "InvalidClientTokenId", "The security token is invalid", 403
        )
        said: list[str] = []

        facts = gather(plan_of(template()), account, said.append)

        assert set(facts.reasons) == set(Fact)
        assert "Sign in" in said[-1]

    def test_what_may_not_be_read_is_a_note_and_the_rest_is_checked(
        self, account: Stubbed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given an account that shows everything but quotas and the registry, and a token without access
        _answers_of_an_ordinary_account(account)
        shown: list[tuple[str | None, str]] = []

        def refused(_repository: str, _revision: str, token: str | None, *, hub_url: str) -> HubAccess:
            shown.append((token, hub_url))
            return HubAccess.NOT_ACCEPTED

        monkeypatch.setattr(account_facts, "snapshot_access", refused)
        said: list[str] = []

        # when
        facts = gather(plan_of(template()), account, said.append)
        found = checked(template(), facts)

        # then
        assert [(finding.severity.value, finding.check) for finding in found] == [
            ("blocker", "hub-access"),
            ("warning", "weights"),
            ("note", "quota"),
            ("note", "image"),
        ]
        assert shown == [(TOKEN, "https://huggingface.co")]
        assert TOKEN not in f"{facts}{said}{found}"


def _answers_of_an_ordinary_account(account: Stubbed) -> None:
    account.answers("sts", "get_caller_identity", {"Account": "000000000000"})
    account.refuses("service-quotas", "list_service_quotas", "AccessDeniedException")
    account.answers("sagemaker", "list_endpoints", {"Endpoints": []})
    offered = [{"InstanceType": "g5.xlarge"}]
    account.answers("ec2", "describe_instance_type_offerings", {"InstanceTypeOfferings": offered})
    account.refuses("ecr", "batch_get_image", "AccessDeniedException")
    account.answers("cloudformation", "describe_stacks", _stack("CREATE_COMPLETE", bucket="b", secret="s"))
    account.answers("s3", "list_objects_v2", {"IsTruncated": False})
    account.refuses("s3", "get_object", "NoSuchKey", status=404)
    account.answers("secretsmanager", "get_secret_value", {"SecretString": TOKEN})


def _listed(name: str) -> dict[str, Any]:
    return {
        "EndpointName": name,
        "EndpointArn": f"arn:aws:sagemaker:{REGION}:000000000000:endpoint/{name}",
        "CreationTime": 0,
        "LastModifiedTime": 0,
        "EndpointStatus": "InService",
    }


def _described(name: str, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        **_listed(name),
        "EndpointConfigName": f"{name}-config",
        "ProductionVariants": [
            {"VariantName": variant, "CurrentInstanceCount": count} for variant, count in counts.items()
        ],
    }


def _config(*variants: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "EndpointConfigName": "config",
        "EndpointConfigArn": f"arn:aws:sagemaker:{REGION}:000000000000:endpoint-config/config",
        "CreationTime": 0,
        "ProductionVariants": [dict(variant) for variant in variants],
    }


def _stack(status: str, **names: str) -> dict[str, Any]:
    keys = {"bucket": "WeightsBucketName", "secret": "TokenSecretArn"}
    outputs = [{"OutputKey": keys[name], "OutputValue": value} for name, value in names.items()]
    stack = {"StackName": "adept-production-foundation", "CreationTime": 0, "StackStatus": status}
    return {"Stacks": [{**stack, "Outputs": outputs}]}
