"""Faults that need no account to be seen: each planted alone into an endpoint that has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from endpoints.findings import Severity
from endpoints.preflight import nothing_gathered, preflight
from endpoints.preflight.host_ami import cuda_of_image
from tests.unit.preflight.support import (
    IMAGE,
    STACK,
    checked,
    only,
    plan_of,
    properties,
    routing,
    template,
    variant,
)

BLOCKER, WARNING, NOTE = Severity.BLOCKER, Severity.WARNING, Severity.NOTE


def test_an_endpoint_without_a_fault_in_an_account_without_a_gap_has_no_finding() -> None:
    assert checked(template()) == ()


class TestHostAmi:
    def test_a_cuda_13_image_on_a_cuda_12_host(self) -> None:
        given = template()
        properties(given, "Model")["PrimaryContainer"]["Image"] = IMAGE.replace("cu124", "cu130")

        found = only(checked(given))

        assert (found.check, found.severity) == ("host-ami", BLOCKER)
        assert "CUDA 12.4; the image needs 13.0" in found.found
        assert found.expected == "al2023-ami-sagemaker-inference-gpu-4-1"

    def test_a_host_whose_driver_is_one_minor_version_too_old(self) -> None:
        given = template()
        variant(given)["InferenceAmiVersion"] = "al2-ami-sagemaker-inference-gpu-2-1"

        assert "CUDA 12.2; the image needs 12.4" in only(checked(given)).found

    def test_no_host_named_where_the_default_is_older(self) -> None:
        given = template()
        del variant(given)["InferenceAmiVersion"]

        found = only(checked(given))

        assert found.severity is BLOCKER
        assert "the default host of ml.g5.xlarge has CUDA 11.4" in found.found

    def test_a_newer_host_runs_older_images(self) -> None:
        given = template()
        variant(given)["InferenceAmiVersion"] = "al2023-ami-sagemaker-inference-gpu-4-1"

        assert checked(given) == ()

    def test_a_host_that_does_not_exist(self) -> None:
        given = template()
        variant(given)["InferenceAmiVersion"] = "al2-ami-sagemaker-inference-neuron-2"

        assert only(checked(given)).severity is BLOCKER

    def test_an_image_whose_tag_does_not_say(self) -> None:
        given = template()
        properties(given, "Model")["PrimaryContainer"]["Image"] = IMAGE.partition(":")[0] + ":latest"

        assert (only(checked(given)).check, only(checked(given)).severity) == ("host-ami", WARNING)

    @pytest.mark.parametrize(
        ("tag", "cuda"),
        [("x-cu124-ubuntu22.04", (12, 4)), ("x-cu130", (13, 0)), ("x-cu118-y", (11, 8)), ("x-cpu", None)],
    )
    def test_the_tag_names_the_cuda_version(self, tag: str, cuda: tuple[int, int] | None) -> None:
        assert cuda_of_image(f"registry/name:{tag}") == cuda


class TestEndpointProperties:
    def test_a_volume_key_where_the_volume_is_local_nvme(self) -> None:
        given = template()
        properties(given, "Config")["KmsKeyId"] = {"Fn::GetAtt": ["Key", "Arn"]}

        found = only(checked(given))

        assert (found.check, found.severity, found.where) == ("volume-key", BLOCKER, STACK)
        assert "ml.g5.xlarge" in found.found

    @pytest.mark.parametrize("value", [None, False])
    def test_variants_that_an_update_would_set_back(self, value: bool | None) -> None:
        given = template()
        properties(given, "Endpoint")["RetainAllVariantProperties"] = value

        assert (only(checked(given)).check, only(checked(given)).severity) == ("retained-variants", BLOCKER)


class TestContainerEnvironment:
    def _with(self, values: dict[str, object]) -> str:
        given = template()
        properties(given, "Model")["PrimaryContainer"]["Environment"] = values
        found = only(checked(given))
        assert (found.check, found.severity) == ("container-environment", BLOCKER)
        return f"{found.found} {found.remedy}"

    def test_a_hundred_variables_and_one_more(self) -> None:
        assert "101 variables" in self._with({f"NAME_{number}": "1" for number in range(101)})

    def test_a_value_of_more_than_1024_characters(self) -> None:
        assert "CHAT_TEMPLATE has 1025 characters" in self._with({"CHAT_TEMPLATE": "x" * 1025})

    def test_a_value_of_exactly_1024_characters_is_taken(self) -> None:
        given = template()
        properties(given, "Model")["PrimaryContainer"]["Environment"] = {"CHAT_TEMPLATE": "x" * 1024}
        assert checked(given) == ()

    def test_a_value_in_the_shape_of_a_token_is_named_and_not_repeated(self) -> None:
        token = "hf_" + "a" * 20

        text = self._with({"API_KEY": token})

        assert "API_KEY looks like a secret" in text
        assert token not in text

    @pytest.mark.parametrize(
        "values",
        [
            {"HF_TOKEN": {"Ref": "Token"}},
            {"KEY": "{{resolve:secretsmanager:token}}"},
            {"KEY": {"Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": "Token"}, "}}"]]}},
        ],
    )
    def test_a_secret_that_cloudformation_would_fill_in(self, values: dict[str, object]) -> None:
        assert "brings a secret into the container" in self._with(values)


class TestTrafficShift:
    def test_a_canary_of_more_than_half_the_fleet(self) -> None:
        given = template()
        routing(given)["CanarySize"]["Value"] = 2

        found = only(checked(given))

        assert (found.check, found.severity) == ("traffic-shift", BLOCKER)
        assert "canary step of 2 instances in the primary fleet of 2" in found.found

    def test_a_canary_in_a_fleet_of_one(self) -> None:
        given = template()
        variant(given)["InitialInstanceCount"] = 1

        assert only(checked(given)).expected == "at least 2 instances: half of one is none"

    def test_a_canary_in_a_fleet_that_a_schedule_brings_down_to_one(self) -> None:
        given = template()
        night = {"ScheduledActionName": "night", "ScalableTargetAction": {"MinCapacity": 1}}
        properties(given, "Target")["ScheduledActions"] = [night]

        assert "in the primary fleet of 1" in only(checked(given)).found

    @pytest.mark.parametrize(("percent", "findings"), [(9, 1), (10, 0), (50, 0), (51, 1)])
    def test_a_linear_step_is_10_to_50_percent(self, percent: int, findings: int) -> None:
        given = template()
        size = {"Type": "CAPACITY_PERCENT", "Value": percent}
        routing(given).update(Type="LINEAR", LinearStepSize=size)

        assert len(checked(given)) == findings

    def test_a_canary_without_a_size(self) -> None:
        given = template()
        del routing(given)["CanarySize"]

        assert only(checked(given)).found == "CANARY without CanarySize"

    def test_a_rolling_update_of_several_variants(self) -> None:
        given = template()
        config = properties(given, "Config")
        config["ProductionVariants"].append({**variant(given), "VariantName": "alternative"})
        deployment = properties(given, "Endpoint")["DeploymentConfig"]
        deployment["RollingUpdatePolicy"] = {"WaitIntervalInSeconds": 60}
        del deployment["BlueGreenUpdatePolicy"]

        found = [finding for finding in checked(given) if finding.check == "traffic-shift"]

        assert [finding.found for finding in found] == ["a rolling update of 2 variants"]

    def test_waits_that_are_longer_than_the_whole_update_may_take(self) -> None:
        given = template()
        policy = properties(given, "Endpoint")["DeploymentConfig"]["BlueGreenUpdatePolicy"]
        policy["MaximumExecutionTimeoutInSeconds"] = 600

        assert only(checked(given)).found == "600 s of waiting in at most 600 s"


class TestRollbackAlarms:
    def _alarms(self, given: dict[str, object], names: list[str]) -> None:
        deployment = properties(given, "Endpoint")["DeploymentConfig"]
        deployment["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in names]}

    def test_none(self) -> None:
        given = template()
        del properties(given, "Endpoint")["DeploymentConfig"]["AutoRollbackConfiguration"]

        assert (only(checked(given)).check, only(checked(given)).severity) == ("rollback-alarms", WARNING)

    def test_more_than_ten(self) -> None:
        given = template()
        self._alarms(given, [f"{STACK}-errors"] * 11)

        assert (only(checked(given)).found, only(checked(given)).severity) == ("11 rollback alarms", BLOCKER)

    def test_one_that_no_stack_creates(self) -> None:
        given = template()
        self._alarms(given, ["misspelt"])

        found = only(checked(given))

        assert found.severity is WARNING
        assert "creates the rollback alarm misspelt" in found.found

    def test_a_role_that_may_not_read_them(self) -> None:
        given = template()
        policy = properties(given, "Policy")["PolicyDocument"]
        policy["Statement"] = [{"Effect": "Allow", "Action": ["cloudwatch:PutMetricData"], "Resource": "*"}]

        found = only(checked(given))

        assert found.severity is BLOCKER
        assert "may not cloudwatch:DescribeAlarms" in found.found

    def test_a_wildcard_is_a_permission(self) -> None:
        given = template()
        policy = properties(given, "Policy")["PolicyDocument"]
        policy["Statement"] = {"Effect": "Allow", "Action": "cloudwatch:Describe*", "Resource": "*"}

        assert checked(given) == ()


class TestMemory:
    def test_weights_that_leave_no_room_for_the_requests(self) -> None:
        # given Llama 8B at 16 bits, and as many requests at full length as four times its cache can hold
        plan = plan_of(template())
        use_case = plan.catalogue.use_case("query-enhancement")
        greedy = use_case.scaling.model_copy(update={"requests_in_flight_per_instance": 64})
        catalogue = plan.catalogue.with_use_cases([use_case.model_copy(update={"scaling": greedy})])

        found = preflight(replace(plan, catalogue=catalogue), nothing_gathered("offline"))

        blockers = [finding for finding in found if finding.severity is BLOCKER]
        assert [finding.check for finding in blockers] == ["memory"]
        assert "requests in flight of" in str(blockers[0].expected)

    def test_a_stand_in_instance_is_checked_as_well(self) -> None:
        given = template()
        del variant(given)["InstanceType"]
        variant(given)["InstancePools"] = [
            {"InstanceType": "ml.unknown.xlarge", "Priority": 2},
            {"InstanceType": "ml.g5.xlarge", "Priority": 1},
        ]

        found = only(tuple(finding for finding in checked(given) if finding.check == "memory"))

        assert found.severity is WARNING
        assert "ml.unknown.xlarge" in found.found


class TestBudget:
    def _checked(self, limit_usd: float) -> list[tuple[str, Severity]]:
        plan = plan_of(template())
        environment = plan.environment.model_copy(update={"monthly_budget_usd": limit_usd})
        found = preflight(replace(plan, environment=environment), nothing_gathered("offline"))
        return [(finding.check, finding.severity) for finding in found if finding.severity is not NOTE]

    def test_the_smallest_fleets_cost_more(self) -> None:
        assert self._checked(1) == [("budget", BLOCKER)]

    def test_only_the_largest_fleets_cost_more(self) -> None:
        assert self._checked(30_000) == [("budget", WARNING)]

    def test_the_largest_fleets_cost_less(self) -> None:
        assert self._checked(1_000_000) == []

    def test_a_region_without_prices(self) -> None:
        plan = plan_of(template())
        environment = plan.environment.model_copy(update={"region": "sa-east-1"})

        found = preflight(replace(plan, environment=environment), nothing_gathered("offline"))

        prices = [finding for finding in found if finding.check == "price"]
        assert {finding.severity for finding in prices} == {WARNING}
        assert "ml.g5.xlarge" in {finding.where for finding in prices}
