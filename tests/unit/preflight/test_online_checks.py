"""Faults of the account and the Hub: each planted alone into facts that have none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from endpoints.errors import CatalogueError
from endpoints.findings import Finding, Severity
from endpoints.locks import Lock
from endpoints.preflight import (
    EMBEDDED,
    AccountFacts,
    Fact,
    HubAccess,
    Quota,
    Staged,
    nothing_gathered,
    preflight,
)
from endpoints.preflight.quotas import quotas
from endpoints.preflight.weights import manifests
from tests.unit.preflight.support import (
    DIGEST,
    FILES,
    IMAGE,
    LLAMA,
    STACK,
    checked,
    only,
    plan_of,
    properties,
    recorded_lock,
    repository,
    staged,
    template,
    variant,
    well,
)

BLOCKER, WARNING, NOTE = Severity.BLOCKER, Severity.WARNING, Severity.NOTE
G5 = "ml.g5.xlarge"


def _quota(value: float, **others: object) -> AccountFacts:
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
        found = only(checked(template(), replace(well(template()), images={IMAGE: None})))

        assert (found.check, found.severity) == ("image", BLOCKER)
        assert IMAGE in found.found

    def test_an_image_that_could_not_be_asked_for(self) -> None:
        facts = replace(well(template()), images={}, reasons={Fact.IMAGES: "access denied"})

        found = only(checked(template(), facts))

        assert found.severity is NOTE
        assert "(access denied)" in found.found


class TestDigests:
    TAG = "2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04"

    def _pinned(self, *, tag_means: str | None) -> tuple[Finding, ...]:
        """An image that is pinned by digest, and what the registry has behind its tag by now."""
        lock = recorded_lock()
        image = lock.candidates[0].image.model_copy(update={"tag": self.TAG, "digest": DIGEST})
        candidates = [one.model_copy(update={"image": image}) for one in lock.candidates]
        given = template()
        registry = IMAGE.partition("/")[0]
        pinned, tagged = (f"{registry}/{image.repository}{end}" for end in (f"@{DIGEST}", f":{self.TAG}"))
        properties(given, "Model")["PrimaryContainer"]["Image"] = pinned
        images = {pinned: DIGEST, tagged: tag_means}
        return checked(
            given, replace(well(given), images=images), Lock.of(lock.environment, lock.snapshots, candidates)
        )

    def test_a_pinned_image_is_checked_by_its_tags_cuda_version_and_is_well(self) -> None:
        assert self._pinned(tag_means=DIGEST) == ()

    def test_a_tag_that_was_moved_since_is_worth_a_look_because_the_lock_wins(self) -> None:
        found = only(self._pinned(tag_means="sha256:" + "e" * 64))

        assert (found.check, found.severity) == ("image", WARNING)
        assert DIGEST in str(found.expected)
        assert "adept lock --env production --image-digests" in str(found.remedy)

    def test_a_tag_that_is_gone_does_no_harm(self) -> None:
        assert self._pinned(tag_means=None) == ()


class TestWeights:
    def _found(self, weights: Staged, lock: Lock | None = None) -> Finding:
        return only(checked(template(), replace(well(template()), weights={LLAMA: weights}), lock))

    @pytest.mark.parametrize(
        "sizes", [{}, {"config.json": 100}], ids=["nothing", "a copy without a manifest"]
    )
    def test_what_is_not_staged_is_staged_by_the_deploy_itself(self, sizes: dict[str, int]) -> None:
        found = self._found(Staged(sizes=sizes))

        assert (found.check, found.severity) == ("weights", WARNING)
        assert f"at s3://weights/{LLAMA}/: the deploy stages it first, 0.01 MB" in found.found
        assert "adept stage --env production" in str(found.remedy)

    def test_a_file_that_is_gone_or_has_another_size_stops_the_deploy(self) -> None:
        shrunk = staged(sizes={"model-00001-of-00002.safetensors": 8999})

        found = self._found(shrunk)

        assert found.severity is BLOCKER
        assert "model-00001-of-00002.safetensors has another size" in found.found
        assert f'aws s3 rm "s3://weights/_manifests/{LLAMA}.json" && adept stage' in str(found.remedy)

    def test_a_manifest_that_names_other_bytes_than_the_lock_stops_the_deploy(self) -> None:
        other = FILES[2].model_copy(update={"sha256": "e" * 64})

        found = self._found(staged((*FILES[:2], other)))

        assert found.severity is BLOCKER
        assert "model-00002-of-00002.safetensors has other content" in found.found

    def test_a_file_that_the_lock_names_since_is_staged_by_the_deploy(self) -> None:
        found = self._found(staged(FILES[:2]))

        assert found.severity is WARNING
        assert "without model-00002-of-00002.safetensors at s3://" in found.found

    def test_a_manifest_without_a_shard_stops_the_deploy_even_where_the_lock_records_none(self) -> None:
        found = checked(
            template(),
            replace(well(template()), weights={LLAMA: staged(FILES[:2])}),
            recorded_lock(None),
        )

        assert "it has no model-00002-of-00002.safetensors" in found[0].found
        assert [(one.check, one.severity) for one in found] == [("weights", BLOCKER), ("manifest", WARNING)]

    def test_a_manifest_that_cannot_be_read_stops_the_deploy(self) -> None:
        found = self._found(Staged(sizes={"config.json": 100}, damage="it is not a manifest"))

        assert (found.severity, "it is not a manifest" in found.found) == (BLOCKER, True)

    def test_without_a_foundation_there_is_no_token_for_a_gated_model(self) -> None:
        facts = replace(well(template()), weights={}, bucket=None)

        found = only(checked(template(), facts))

        assert (found.where, found.severity) == ("adept-production-foundation", BLOCKER)
        assert "adept-production-foundation   then: adept token set --env production" in str(found.remedy)

    def test_without_a_foundation_open_models_are_staged_by_the_first_deploy(self) -> None:
        lock = recorded_lock()
        opened = [one.model_copy(update={"gated": False}) for one in lock.snapshots]
        facts = replace(well(template()), weights={}, bucket=None)

        found = only(checked(template(), facts, Lock.of(lock.environment, opened, lock.candidates)))

        assert (found.severity, "stages 1 snapshot into it" in found.found) == (WARNING, True)


class TestManifests:
    def test_files_that_the_lock_does_not_record_are_worth_a_look(self) -> None:
        found = only(checked(template(), lock=recorded_lock(None)))

        assert (found.check, found.severity, found.where) == ("manifest", WARNING, repository())
        assert str(found.remedy).startswith("Where the Hub can be reached: adept lock --env production; or")

    def test_they_stop_the_deploy_where_nobody_could_list_them(self) -> None:
        facts = replace(well(template()), hub={LLAMA: HubAccess.NOT_ACCEPTED}, weights={LLAMA: Staged()})

        found = [one for one in checked(template(), facts, recorded_lock(None)) if one.check == "manifest"]

        assert only(tuple(found)).severity is BLOCKER

    def test_the_embedded_aws_records_what_it_serves_by_itself(self) -> None:
        plan = plan_of(template(), recorded_lock(None))
        local = plan.catalogue.environment("local")

        assert list(manifests(replace(plan, environment=local), EMBEDDED)) == []


class TestLoadingFromTheHub:
    def test_a_container_that_loads_from_the_hub_is_named(self) -> None:
        given = template()
        container = properties(given, "Model")["PrimaryContainer"]
        del container["ModelDataSource"]
        container["Environment"]["HF_MODEL_ID"] = "mistralai/Mistral-7B-Instruct-v0.3"

        found = only(checked(given))

        assert (found.check, found.severity) == ("load-from-hub", WARNING)
        assert "loads mistralai/Mistral-7B-Instruct-v0.3 from https://huggingface.co" in found.found


class TestHubAccess:
    def _found(self, access: HubAccess, *, already: bool = False) -> tuple[Severity, str]:
        weights = {LLAMA: staged() if already else Staged()}
        facts = replace(well(template()), hub={LLAMA: access}, weights=weights)
        found = only(tuple(each for each in checked(template(), facts) if each.check == "hub-access"))
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
        severity, remedy = self._found(access, already=True)

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
    facts = replace(_quota(11), images=None)

    severities = [finding.severity for finding in checked(given, facts)]

    assert severities == [BLOCKER, WARNING, NOTE]


def test_templates_without_an_endpoint_are_a_mistake_not_a_clean_bill() -> None:
    plan = plan_of(template())

    with pytest.raises(CatalogueError, match="hold no SageMaker endpoint"):
        preflight(replace(plan, templates={}), nothing_gathered("offline"))
