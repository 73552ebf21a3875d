"""Fallback pools, borrowed candidates, time-outs, traffic shifts, bursts and business hours in the templates."""

from __future__ import annotations

from typing import Any

import pytest

from endpoints.catalogue import CandidateRole, FleetBounds, load_catalogue
from endpoints.catalogue.deployment import deployed_candidates
from endpoints.route_table import render_route_table
from endpoints.sizing.timeouts import start_timeouts, weights_gb
from tests.infra.conftest import Template, only, resources, synthesise, templates

CATALOGUE = load_catalogue()
LENDER, BORROWER = "query-enhancement", "explanation-generation"


def _template(environment: str, use_case: str) -> Template:
    return templates(environment)[f"adept-{environment}-{use_case}"]


def _variants(environment: str, use_case: str) -> list[dict[str, Any]]:
    return list(
        only(_template(environment, use_case), "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    )


def test_where_an_environment_falls_back_instance_types_are_pools_by_priority() -> None:
    candidate = CATALOGUE.use_case("job-parsing").candidate(CandidateRole.PRIMARY)
    variant = _variants("production", "job-parsing")[0]

    assert "InstanceType" not in variant
    assert [(pool["Priority"], pool["InstanceType"]) for pool in variant["InstancePools"]] == list(
        enumerate((candidate.instance_type, *candidate.fallback_instance_types), start=1)
    )
    assert 300 <= variant["VariantInstanceProvisionTimeoutInSeconds"] <= 3600


def test_elsewhere_one_instance_type_is_named() -> None:
    variant = _variants("sandbox", "job-parsing")[0]

    assert variant["InstanceType"] == "ml.g5.xlarge"
    assert "InstancePools" not in variant


def test_a_borrowed_candidate_is_not_deployed_twice_and_routes_to_its_lender(environment: str) -> None:
    deployed = CATALOGUE.environment(environment)
    table: Any = render_route_table(CATALOGUE, deployed)
    routed = table["use_cases"][BORROWER]["candidates"]

    assert [variant["VariantName"] for variant in _variants(environment, BORROWER)] == ["primary"]
    assert [candidate.get("endpoint_name") for candidate in routed if candidate["role"] == "alternative"] == (
        [f"adept-{environment}-{LENDER}"] if CandidateRole.ALTERNATIVE in deployed.roles else []
    )


def test_start_time_outs_follow_the_size_of_the_weights(environment: str) -> None:
    for use_case in CATALOGUE.use_cases:
        candidates = deployed_candidates(use_case, CATALOGUE.environment(environment))
        for candidate, variant in zip(candidates, _variants(environment, use_case.id), strict=True):
            expected = start_timeouts(weights_gb(CATALOGUE, candidate))
            assert variant["ModelDataDownloadTimeoutInSeconds"] == expected.download_s
            assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == expected.health_check_s


@pytest.mark.parametrize(
    ("use_case", "kind"),
    [
        (BORROWER, "CANARY"),  # one fleet of two: half of it may be a canary
        ("job-parsing", "ALL_AT_ONCE"),  # its alternative runs on one instance
    ],
)
def test_production_shifts_traffic_as_carefully_as_its_fleets_allow(use_case: str, kind: str) -> None:
    endpoint = only(_template("production", use_case), "AWS::SageMaker::Endpoint")
    policy = endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]

    assert routing["Type"] == kind
    assert routing.get("CanarySize") == ({"Type": "INSTANCE_COUNT", "Value": 1} if kind == "CANARY" else None)
    assert policy["TerminationWaitInSeconds"] == CATALOGUE.environment("production").updates.bake_s


def test_a_fleet_that_is_down_to_one_instance_at_night_gets_no_canary() -> None:
    production = CATALOGUE.environment("production")
    assert production.business_hours is not None
    quiet = {CandidateRole.PRIMARY: FleetBounds(min=1, max=1)}
    hours = production.business_hours.model_copy(update={"quiet": quiet})
    changed = CATALOGUE.model_copy(
        update={"environments": (production.model_copy(update={"business_hours": hours}),)}
    )
    endpoint = only(
        synthesise("production", changed)[f"adept-production-{BORROWER}"], "AWS::SageMaker::Endpoint"
    )
    policy = endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]

    assert policy["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"


def test_the_one_update_that_mends_what_an_alarm_rings_about_can_go_without_alarms() -> None:
    staging = CATALOGUE.environment("staging")
    updates = staging.updates.model_copy(update={"auto_rollback": False})
    changed = CATALOGUE.model_copy(
        update={"environments": (staging.model_copy(update={"updates": updates}),)}
    )
    template = synthesise("staging", changed)["adept-staging-job-parsing"]

    assert "AutoRollbackConfiguration" not in only(template, "AWS::SageMaker::Endpoint")["DeploymentConfig"]
    alarms = resources(template, "AWS::CloudWatch::Alarm").keys()
    assert alarms == resources(_template("staging", "job-parsing"), "AWS::CloudWatch::Alarm").keys()


def test_a_borrowers_longer_answers_do_not_trip_its_lenders_alarms() -> None:
    use_cases = tuple(
        use_case.model_copy(
            update={"limits": use_case.limits.model_copy(update={"timeout_ms": 29_000})}
            if use_case.id == BORROWER
            else {}
        )
        for use_case in CATALOGUE.use_cases
    )
    changed = CATALOGUE.model_copy(update={"use_cases": use_cases})
    before, after = (
        {
            alarm["Properties"]["AlarmName"]: alarm["Properties"]["Threshold"]
            for alarm in resources(stacks[f"adept-staging-{LENDER}"], "AWS::CloudWatch::Alarm").values()
        }
        for stacks in (templates("staging"), synthesise("staging", changed))
    )

    moved = {name for name, threshold in after.items() if threshold != before[name]}
    assert moved == {
        f"adept-staging-{LENDER}-alternative-slow-answers",
        f"adept-staging-{LENDER}-alternative-rollback-slow-answers",
    }
    assert all(after[name] > before[name] for name in moved)


def test_a_burst_past_what_the_instances_carry_adds_instances_at_once() -> None:
    use_case = CATALOGUE.use_case("job-parsing")
    policies = resources(_template("production", "job-parsing"), "AWS::ApplicationAutoScaling::ScalingPolicy")
    steps = [
        step
        for policy in policies.values()
        if policy["Properties"]["PolicyType"] == "StepScaling"
        for step in policy["Properties"]["StepScalingPolicyConfiguration"]["StepAdjustments"]
    ]

    per_fleet = [instances for _, instances in use_case.scaling.bursts]
    assert [step["ScalingAdjustment"] for step in steps] == per_fleet * 2  # primary and alternative can grow


def test_outside_of_business_hours_production_shrinks_to_its_quiet_fleet() -> None:
    hours = CATALOGUE.environment("production").business_hours
    assert hours is not None
    targets = resources(_template("production", "job-parsing"), "AWS::ApplicationAutoScaling::ScalableTarget")
    actions = {
        action["ScheduledActionName"]: action
        for target in targets.values()
        if target["Properties"]["ResourceId"].endswith("/primary")
        for action in target["Properties"]["ScheduledActions"]
    }

    assert set(actions) == {"WorkBegins", "WorkEnds"}
    quiet = hours.quiet[CandidateRole.PRIMARY]
    assert actions["WorkEnds"]["ScalableTargetAction"] == {"MinCapacity": quiet.min, "MaxCapacity": quiet.max}
    assert actions["WorkEnds"]["Schedule"] == f"cron(0 {hours.to_hour} ? * {hours.days} *)"
    assert {action["Timezone"] for action in actions.values()} == {hours.time_zone}
    assert quiet.min >= 2, "production keeps two instances of every primary, at night too"
