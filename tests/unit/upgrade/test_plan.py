"""Which releases SageMaker would refuse, and what is planned instead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from endpoints.errors import DeployError
from endpoints.upgrade.plan import UpdatePlan, plan_update
from endpoints.upgrade.without_scaling import references
from endpoints.verify.intent import endpoint_intents
from endpoints.verify.live import Account
from endpoints.verify.scaling import ScalingPolicy
from tests.unit.verify.world import (
    ALARM,
    ENDPOINT,
    PRIMARY,
    STACK,
    account,
    endpoint,
    stack,
    target,
    template,
    variant,
)

LARGER = template(primary={"InstanceType": "ml.g5.2xlarge"})
ALTERNATIVE = f"endpoint/{ENDPOINT}/variant/alternative"


def plan(release: dict[str, Any], seen: Account) -> UpdatePlan:
    return plan_update(endpoint_intents({STACK: release}, seen.stacks), seen)


def without_primary() -> dict[str, Any]:
    """A release that drops the primary, with its scaling."""
    release = template()
    variants = release["Resources"]["Config"]["Properties"]["ProductionVariants"]
    release["Resources"]["Config"]["Properties"]["ProductionVariants"] = variants[1:]
    for name in ("Target", "Policy", "Burst", "BurstAlarm"):
        del release["Resources"][name]
    return release


def test_a_release_that_sagemaker_takes_is_deployed_plainly() -> None:
    changed = template()
    changed["Resources"]["Model"]["Properties"]["PrimaryContainer"]["Environment"]["MAX_INPUT_TOKENS"] = (
        "1024"
    )

    assert plan(changed, account()) == UpdatePlan()


def test_an_unregistered_variant_may_change_its_instance_type_plainly() -> None:
    seen = account(live=endpoint(targets=()), deployed=stack(template={"Resources": {}}))

    assert plan(LARGER, seen).pauses == ()


def test_a_change_of_instance_type_pauses_the_variants_scaling() -> None:
    (pause,) = plan(LARGER, account()).pauses

    assert pause.reasons == (
        f"{ENDPOINT}/primary moves from ml.g5.xlarge to ml.g5.2xlarge while it is registered for autoscaling",
    )
    assert pause.deployed == template()
    # everything that hangs on the scaling goes with it, the endpoint stays as it is deployed
    assert pause.without_scaling is not None
    assert set(pause.without_scaling["Resources"]) == {"Model", "Config", "Endpoint"}
    assert pause.without_scaling["Resources"]["Config"] == template()["Resources"]["Config"]
    assert pause.without_scaling["Outputs"] == template()["Outputs"]
    assert (pause.deregister, pause.after_success, pause.after_failure) == ((), (), ())


def test_a_change_of_instance_pools_pauses_the_variants_scaling() -> None:
    pools = [
        {"InstanceType": "ml.g5.2xlarge", "Priority": 2},
        {"InstanceType": "ml.g5.xlarge", "Priority": 1},
    ]
    release = template(primary={"InstancePools": pools})
    del release["Resources"]["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"]

    (pause,) = plan(release, account()).pauses

    assert "from ml.g5.xlarge to ml.g5.xlarge, ml.g5.2xlarge" in pause.reasons[0]


def test_the_removal_of_a_registered_variant_pauses_its_scaling_and_nothing_is_put_back() -> None:
    extra = ScalingPolicy(name="by-hand", policy_type="StepScaling", configuration={})
    seen = account(live=endpoint(targets=(target(policies=(*target().policies, extra)),)))

    (pause,) = plan(without_primary(), seen).pauses

    assert "is removed" in pause.reasons[0]
    assert pause.after_success == ()
    assert pause.after_failure[0].names == ("by-hand",)


def test_a_variant_that_was_registered_by_hand_is_deregistered_and_put_back_as_it_was() -> None:
    by_hand = replace(target(), resource_id=ALTERNATIVE)
    seen = account(live=endpoint(targets=(target(), by_hand)))
    release = template()
    release["Resources"]["Config"]["Properties"]["ProductionVariants"][1]["InstanceType"] = "ml.g5.4xlarge"

    (pause,) = plan(release, seen).pauses

    assert pause.without_scaling is None
    assert pause.deregister == (ALTERNATIVE,)
    assert pause.after_success == pause.after_failure == (by_hand,)


def test_policies_bounds_and_suspensions_that_were_set_by_hand_are_not_lost() -> None:
    extra = ScalingPolicy(name="black-friday", policy_type="StepScaling", configuration={"Cooldown": 1})
    running = target(
        max_capacity=9, suspended=("DynamicScalingInSuspended",), policies=(*target().policies, extra)
    )

    (pause,) = plan(LARGER, account(live=endpoint(targets=(running,)))).pauses

    (kept,) = pause.after_success
    assert kept.bounds == (2, 9)
    assert kept.suspended == ("DynamicScalingInSuspended",)
    assert kept.names == ("black-friday",)


def test_bounds_that_the_release_changes_win_over_bounds_set_by_hand() -> None:
    release = template(primary={"InstanceType": "ml.g5.2xlarge"})
    release["Resources"]["Target"]["Properties"]["MaxCapacity"] = 4

    (pause,) = plan(release, account(live=endpoint(targets=(target(max_capacity=9),)))).pauses

    assert pause.after_success == ()


def test_scaling_that_was_deregistered_outside_of_the_stack_is_made_anew() -> None:
    (pause,) = plan(template(), account(live=endpoint(targets=()))).pauses

    assert pause.reasons == (f"autoscaling of {ENDPOINT}/primary was deregistered outside of its stack",)
    assert pause.without_scaling is not None
    assert "Target" not in pause.without_scaling["Resources"]


def test_a_policy_that_was_deleted_outside_of_the_stack_is_made_anew() -> None:
    lost = endpoint(targets=(target(policies=target().policies[1:]),))

    (pause,) = plan(template(), account(live=lost)).pauses

    assert "requests-in-flight" in pause.reasons[0]


def test_after_a_crash_between_the_phases_a_plain_deploy_finishes() -> None:
    (pause,) = plan(LARGER, account()).pauses
    crashed = account(live=endpoint(targets=()), deployed=stack(template=pause.without_scaling))

    assert plan(LARGER, crashed) == UpdatePlan()
    assert plan(template(), crashed) == UpdatePlan()


@pytest.mark.parametrize(
    ("seen", "check"),
    [
        (account(deployed=stack(status="UPDATE_IN_PROGRESS")), "stack-in-progress"),
        (account(deployed=stack(status="UPDATE_ROLLBACK_FAILED")), "stack-failed"),
        (account(live=endpoint(status="RollingBack")), "endpoint-status"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_being_changed_blocks_the_deploy(seen: Account, check: str) -> None:
    (finding,) = plan(template(), seen).blocked

    assert finding.check == check
    assert finding.remedy


def test_a_first_deploy_has_nothing_in_the_way() -> None:
    seen = account(deployed=stack(status=None, template={}, physical_ids={}))

    assert plan(template(), replace(seen, endpoints={})) == UpdatePlan()


def test_scaling_that_the_endpoint_itself_refers_to_cannot_be_taken_away() -> None:
    tied = template()
    tied["Resources"]["Endpoint"]["DependsOn"] = "BurstAlarm"

    with pytest.raises(DeployError, match=r"Endpoint .*refers to the scaling"):
        plan(LARGER, account(deployed=stack(template=tied)))


def test_every_kind_of_reference_is_seen() -> None:
    value = {
        "a": {"Ref": "One"},
        "b": [{"Fn::GetAtt": ["Two", "Arn"]}, {"Fn::GetAtt": "Three.Arn"}],
        "c": {"Fn::Sub": "${Four}-${Five.Arn}-${!Six}"},
        "DependsOn": ["Seven"],
        "d": {"DependsOn": "Eight"},
    }

    assert set(references(value)) == {"One", "Two", "Three", "Four", "Five", "Seven", "Eight"}


def test_a_silent_rollback_to_a_smaller_instance_still_pauses_what_is_registered() -> None:
    """What counts is what runs, not what the stack believes: SageMaker compares with the running fleet."""
    seen = account(
        live=endpoint(
            variants=(variant("primary", instance_types=("ml.g4dn.xlarge",)), variant("alternative"))
        )
    )

    (pause,) = plan(template(), seen).pauses

    assert PRIMARY not in pause.deregister
    assert "from ml.g4dn.xlarge to ml.g5.xlarge" in pause.reasons[0]


def test_an_update_that_a_ringing_alarm_would_roll_back_at_once_does_not_begin() -> None:
    ringing = account(alarm_states={ALARM: "ALARM"})
    unguarded = template(primary={"InitialInstanceCount": 3})
    del unguarded["Resources"]["Endpoint"]["Properties"]["DeploymentConfig"]

    (finding,) = plan(template(primary={"InitialInstanceCount": 3}), ringing).blocked

    assert finding.check == "rollback-alarm-ringing"
    assert ALARM in finding.found
    assert "auto_rollback: false" in str(finding.remedy)
    assert plan(template(), ringing).blocked == ()  # nothing is updated
    assert plan(unguarded, ringing).blocked == ()  # nothing is asked
