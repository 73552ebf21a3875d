"""Faults of the account and the Hub: each planted alone into a snapshot that has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from endpoints.errors import CatalogueError
from endpoints.findings import Severity
from endpoints.preflight import EMBEDDED, Fact, HubAccess, Quota, Snapshot, nothing_gathered, preflight
from endpoints.preflight.quotas import quotas
from endpoints.preflight.weights import missing_files
from tests.unit.preflight.support import (
    COMPLETE,
    IMAGE,
    LLAMA,
    STACK,
    checked,
    only,
    plan_of,
    properties,
    repository,
    template,
    variant,
    well,
)

BLOCKER, WARNING, NOTE = Severity.BLOCKER, Severity.WARNING, Severity.NOTE
G5 = "ml.g5.xlarge"


def _quota(value: float, **others: object) -> Snapshot:
    return replace(well(template()), quotas={G5: Quota(code="L-1", value=value)}, **others)  # type: ignore[arg-type]  # any facts


def _named(name: str) -> dict[str, Any]:
    """The template with another endpoint."""
    given = template()
    properties(given, "Endpoint")["EndpointName"] = name
    return given


class TestQuota:
    """Two instances serve, up to six when scaled out; an update takes as many again."""

    @pytest.mark.parametrize("quota", [0, 1])
    def test_too_small_for_the_fleet(self, quota: float) -> None:
        found = only(checked(template(), _quota(quota)))

        assert (found.check, found.severity, found.where) == ("quota", BLOCKER, G5)
        assert f'"ml.g5.xlarge for endpoint usage" is {quota:g}' in found.found
        assert "--quota-code L-1 --desired-value 4 --region us-east-1" in str(found.remedy)

    def test_enough_to_create_and_too_small_to_update_is_a_warning_on_the_first_deploy(self) -> None:
        found = only(checked(template(), _quota(3, endpoints={"somebody-elses": {}})))

        assert found.severity is WARNING
        assert "an update needs 4: the old fleet and the new one" in found.found

    def test_too_small_to_update_what_is_there(self) -> None:
        assert only(checked(template(), _quota(3, endpoints={STACK: {G5: 2}}))).severity is BLOCKER

    def test_nobody_knows_whether_something_is_there(self) -> None:
        found = checked(template(), _quota(3, endpoints=None))

        assert [(finding.check, finding.severity) for finding in found] == [
            ("quota", BLOCKER),
            ("quota", NOTE),
        ]

    def test_the_fleet_has_scaled_out_meanwhile(self) -> None:
        # retained counts: the second fleet is as large as the first one is now
        found = only(checked(template(), _quota(9, endpoints={STACK: {G5: 5}})))

        assert found.severity is BLOCKER
        assert "an update needs 10" in found.found

    def test_other_endpoints_of_the_account_take_from_the_same_quota(self) -> None:
        found = only(checked(template(), _quota(5, endpoints={"adept-staging-job-parsing": {G5: 4}})))

        assert found.severity is BLOCKER
        assert "4 of them for other endpoints" in found.found

    def test_enough_until_it_scales_out(self) -> None:
        found = only(checked(template(), _quota(11)))

        assert (found.severity, found.expected) == (WARNING, "12 or more")

    def test_enough(self) -> None:
        assert checked(template(), _quota(12)) == ()

    def test_enough_for_one_update_at_a_time_and_not_for_those_that_run_side_by_side(self) -> None:
        stacks = {f"{STACK}-{number}": _named(f"{STACK}-{number}") for number in range(6)}
        plan = replace(plan_of(template()), templates=stacks)
        quota = replace(well(template()), quotas={G5: Quota("L-1", 14)})

        found = only(tuple(quotas(plan, quota)))

        assert found.severity is WARNING
        # six fleets of two serve, and four of them have a second one
        assert (found.expected, "side by side, which takes 20" in found.found) == ("20 or more", True)

    def test_a_stand_in_that_may_not_be_used(self) -> None:
        given = template()
        del variant(given)["InstanceType"]
        variant(given)["InstancePools"] = [
            {"InstanceType": G5, "Priority": 1},
            {"InstanceType": "ml.g5.2xlarge", "Priority": 2},
        ]
        quotas = {G5: Quota("L-1", 12), "ml.g5.2xlarge": Quota("L-2", 0)}

        found = only(checked(given, replace(well(given), quotas=quotas)))

        assert (found.where, found.severity) == ("ml.g5.2xlarge", WARNING)


class TestRegion:
    def test_an_instance_type_that_the_region_does_not_offer(self) -> None:
        found = only(checked(template(), replace(well(template()), offered=frozenset())))

        assert (found.check, found.severity) == ("instance-offered", BLOCKER)
        assert found.found == "us-east-1 does not offer g5.xlarge"

    def test_a_type_that_sagemaker_names_no_quota_for(self) -> None:
        found = only(checked(template(), replace(well(template()), quotas={})))

        assert (found.check, found.severity) == ("instance-offered", WARNING)

    def test_an_image_that_the_registry_lacks(self) -> None:
        found = only(checked(template(), replace(well(template()), images={IMAGE: False})))

        assert (found.check, found.severity) == ("image", BLOCKER)
        assert IMAGE in found.found

    def test_an_image_that_could_not_be_asked_for(self) -> None:
        snapshot = replace(well(template()), images={}, reasons={Fact.IMAGES: "access denied"})

        found = only(checked(template(), snapshot))

        assert found.severity is NOTE
        assert "(access denied)" in found.found


class TestWeights:
    def test_nothing_staged(self) -> None:
        found = only(checked(template(), replace(well(template()), weights={LLAMA: ()})))

        assert (found.check, found.severity) == ("weights", BLOCKER)
        assert found.found == f"nothing at s3://weights/{LLAMA}/"
        assert f"adept stage --env production --model {repository()}" in str(found.remedy)

    def test_an_upload_that_broke_off(self) -> None:
        found = only(checked(template(), replace(well(template()), weights={LLAMA: COMPLETE[:2]})))

        assert "without model-00002-of-00002.safetensors" in found.found

    def test_no_foundation_stack_and_so_no_bucket(self) -> None:
        found = only(checked(template(), replace(well(template()), weights={}, bucket=None)))

        assert (found.where, found.severity) == ("adept-production-foundation", BLOCKER)
        assert "cdk deploy -c environment=production adept-production-foundation" in str(found.remedy)

    @pytest.mark.parametrize(
        ("names", "missing"),
        [
            (COMPLETE, ()),
            (("config.json", "model.safetensors"), ()),
            (("model.safetensors",), ("config.json",)),
            (("config.json", "pytorch_model.bin"), ("*.safetensors",)),
            ((), ("config.json", "*.safetensors")),
        ],
    )
    def test_what_a_snapshot_needs(self, names: tuple[str, ...], missing: tuple[str, ...]) -> None:
        assert missing_files(names) == missing


class TestHubAccess:
    def _found(self, access: HubAccess, *, staged: bool = False) -> tuple[Severity, str]:
        weights = {LLAMA: COMPLETE if staged else ()}
        snapshot = replace(well(template()), hub={LLAMA: access}, weights=weights)
        found = only(tuple(each for each in checked(template(), snapshot) if each.check == "hub-access"))
        assert found.where == repository()
        return found.severity, str(found.remedy)

    def test_no_token(self) -> None:
        severity, remedy = self._found(HubAccess.NO_TOKEN)

        assert severity is BLOCKER
        assert f"https://huggingface.co/{repository()}" in remedy
        assert "adept token set --env production" in remedy

    def test_a_licence_that_was_not_accepted(self) -> None:
        severity, remedy = self._found(HubAccess.NOT_ACCEPTED)

        assert severity is BLOCKER
        assert "Agree and access repository" in remedy

    @pytest.mark.parametrize("access", [each for each in HubAccess if each is not HubAccess.GRANTED])
    def test_every_refusal_has_a_remedy_and_only_warns_when_the_weights_are_there(
        self, access: HubAccess
    ) -> None:
        severity, remedy = self._found(access, staged=True)

        assert severity is WARNING
        assert "huggingface.co/meta-llama" in remedy

    def test_open_models_need_no_token(self) -> None:
        given = template()
        uri = "s3://weights/Qwen/Qwen2.5-7B-Instruct/a09a35458c702b33eeacc393d103063234e8bc28/"
        source = given["Resources"]["Model"]["Properties"]["PrimaryContainer"]["ModelDataSource"]
        source["S3DataSource"]["S3Uri"] = uri

        assert plan_of(given).weights_prefixes == (uri.removeprefix("s3://weights/").rstrip("/"),)
        assert plan_of(given).gated_snapshots == ()


def test_what_was_not_gathered_is_said_check_by_check() -> None:
    found = checked(template(), nothing_gathered("offline"))

    assert [finding.check for finding in found] == [
        "quota",
        "instance-offered",
        "image",
        "weights",
        "hub-access",
    ]
    assert all(finding.severity is NOTE and "(offline)" in finding.found for finding in found)
    assert found[0].expected == "4 x ml.g5.xlarge"  # what to ask for is known without looking


def test_on_a_laptop_every_check_of_an_account_says_why_it_means_nothing() -> None:
    found = checked(template(), EMBEDDED)

    assert {finding.severity for finding in found} == {NOTE}
    assert not any("not asked for" in finding.found for finding in found)


def test_the_gravest_finding_comes_first() -> None:
    given = template()
    given["Resources"]["Endpoint"]["Properties"]["RetainAllVariantProperties"] = False
    snapshot = replace(_quota(11), images=None)

    severities = [finding.severity for finding in checked(given, snapshot)]

    assert severities == [BLOCKER, WARNING, NOTE]


def test_templates_without_an_endpoint_are_a_mistake_not_a_clean_bill() -> None:
    plan = plan_of(template())

    with pytest.raises(CatalogueError, match="hold no SageMaker endpoint"):
        preflight(plan.catalogue, plan.environment, {}, nothing_gathered("offline"))
