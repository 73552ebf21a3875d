"""What `adept verify` says, one planted difference at a time."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from endpoints.findings import Finding, Severity
from endpoints.verify.compare import verify
from endpoints.verify.intent import endpoint_intents
from endpoints.verify.live import Account, LiveEndpoint, LiveStack
from endpoints.verify.scaling import ScalingPolicy
from tests.unit.verify.world import (
    ALARM,
    DIGEST,
    ENDPOINT,
    FOUNDATION,
    IMAGE,
    STACK,
    account,
    endpoint,
    stack,
    target,
    template,
    variant,
)


def findings(seen: Account, of: dict[str, Any] | None = None) -> tuple[Finding, ...]:
    templates = {STACK: of or template(), FOUNDATION: {"Resources": {}}}
    return verify("staging", templates, endpoint_intents(templates, seen.stacks), seen)


def only(seen: Account) -> Finding:
    found = findings(seen)
    assert len(found) == 1, found
    return found[0]


def test_nothing_is_said_when_everything_is_as_it_was_meant() -> None:
    assert findings(account()) == ()


def _primary(**changes: object) -> LiveEndpoint:
    return endpoint(variants=(variant("primary", **changes), variant("alternative")))


@pytest.mark.parametrize(
    ("live", "check", "severity"),
    [
        (endpoint(status="Failed", failure_reason="no capacity"), "endpoint-status", Severity.BLOCKER),
        (endpoint(status="Updating"), "endpoint-status", Severity.BLOCKER),
        (endpoint(config_name="Config-OLD"), "silent-rollback", Severity.BLOCKER),
        (_primary(image=IMAGE.replace("3.3.6", "3.3.5")), "image", Severity.BLOCKER),
        (_primary(resolved_image="9.dkr.ecr.eu-west-1.amazonaws.com/tgi@sha256:b"), "image-digest", None),
        (_primary(model_data="s3://weights/mistral/"), "model-data", Severity.BLOCKER),
        (_primary(host_ami=None), "host-ami", Severity.BLOCKER),
        (_primary(instance_types=("ml.g5.2xlarge",)), "instance-type", Severity.BLOCKER),
        (_primary(environment={"SM_NUM_GPUS": "1"}), "environment", Severity.BLOCKER),
        (_primary(desired_weight=0.5), "weight-drift", Severity.NOTE),
        (_primary(desired_count=9, current_count=9), "instance-count", Severity.WARNING),
        (_primary(current_count=1), "instances-missing", Severity.WARNING),
        (_primary(current_count=0), "instances-missing", Severity.BLOCKER),
        (endpoint(variants=(variant("primary"),)), "variant-missing", Severity.BLOCKER),
        (endpoint(targets=()), "scaling-missing", Severity.BLOCKER),
        (endpoint(targets=(target(max_capacity=9),)), "scaling-bounds", Severity.WARNING),
        (
            endpoint(targets=(target(suspended=("DynamicScalingInSuspended",)),)),
            "scaling-suspended",
            Severity.BLOCKER,
        ),
        (
            endpoint(targets=(target(policies=target().policies[:1]),)),
            "scaling-policy-missing",
            Severity.BLOCKER,
        ),
        (endpoint(targets=(target(scheduled_actions=()),)), "scheduled-action", Severity.BLOCKER),
        (endpoint(rollback_alarms=("another",)), "rollback-alarm-detached", Severity.WARNING),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_difference_is_found(live: LiveEndpoint, check: str, severity: Severity | None) -> None:
    found = [finding for finding in findings(account(live=live)) if finding.check == check]

    assert found, check
    assert found[0].where.startswith(ENDPOINT)
    assert severity in (None, found[0].severity)


def test_a_silent_rollback_is_named_with_sagemakers_reason_and_the_command_that_ends_it() -> None:
    finding = only(account(live=endpoint(config_name="Config-OLD", failure_reason="alarm 5xx went off")))

    assert finding.check == "silent-rollback"
    assert "silent rollback" in finding.found
    assert "alarm 5xx went off" in finding.found
    assert "Config-OLD" in finding.found
    assert finding.expected == "configuration config-ab12cd"
    assert "aws sagemaker update-endpoint" in (finding.remedy or "")


def test_a_changed_variable_is_told_by_name_and_by_both_values() -> None:
    finding = only(account(live=_primary(environment={"MAX_INPUT_TOKENS": "1024", "SM_NUM_GPUS": "1"})))

    assert (finding.found, finding.expected) == ("MAX_INPUT_TOKENS=1024", "MAX_INPUT_TOKENS=3072")


def test_bounds_that_a_schedule_of_the_use_case_has_set_are_as_meant() -> None:
    night = endpoint(
        targets=(target(min_capacity=1),),
        variants=(variant("primary", desired_count=1, current_count=1), variant("alternative")),
    )

    assert findings(account(live=night)) == ()


def test_scaling_that_somebody_added_by_hand_is_a_note_and_says_what() -> None:
    extra = ScalingPolicy(name="black-friday", policy_type="StepScaling", configuration={})
    finding = only(account(live=endpoint(targets=(target(policies=(*target().policies, extra)),))))

    assert (finding.check, finding.severity) == ("scaling-by-hand", Severity.NOTE)
    assert "black-friday" in finding.found


def _deployed_earlier(edit: Callable[[dict[str, Any]], None]) -> LiveStack:
    """The stack as a catalogue before today's was deployed."""
    earlier = deepcopy(template())
    edit(earlier["Resources"])
    return stack(template=earlier)


def _other_target_value(resources: dict[str, Any]) -> None:
    policy = resources["Policy"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    policy["TargetValue"] = 9.0


def _other_bounds(resources: dict[str, Any]) -> None:
    resources["Target"]["Properties"]["MaxCapacity"] = 4


def _another_policy(resources: dict[str, Any]) -> None:
    resources["Old"] = deepcopy(resources["Burst"])
    resources["Old"]["Properties"]["PolicyName"] = "old"


@pytest.mark.parametrize(
    ("earlier", "check"), [(_other_target_value, "scaling-policy"), (_other_bounds, "scaling-bounds")]
)
def test_scaling_that_waits_for_a_deploy_was_not_changed_by_hand_and_is_not_to_be_deleted(
    earlier: Callable[[dict[str, Any]], None], check: str
) -> None:
    deployed = _deployed_earlier(earlier)
    (running,) = endpoint_intents({STACK: deployed.template}, account().stacks)[0].targets
    found = findings(account(live=endpoint(targets=(running,)), deployed=deployed))

    assert [finding.check for finding in found] == ["template-drift", check]
    assert found[1].remedy == "Not deployed yet: adept deploy --env staging"


def test_a_policy_of_the_deployed_template_is_none_that_somebody_added() -> None:
    deployed = _deployed_earlier(_another_policy)
    (running,) = endpoint_intents({STACK: deployed.template}, account().stacks)[0].targets
    found = findings(account(live=endpoint(targets=(running,)), deployed=deployed))

    assert [finding.check for finding in found] == ["template-drift"]


def test_a_policy_that_is_neither_as_meant_nor_as_deployed_was_changed_by_hand() -> None:
    first, *others = target().policies
    edited = replace(first, configuration={**first.configuration, "TargetValue": 99.0})
    finding = only(account(live=endpoint(targets=(target(policies=(edited, *others)),))))

    assert finding.check == "scaling-policy"
    assert "changed by hand" in (finding.remedy or "")


def test_a_variant_that_nobody_means_to_run_is_told_because_it_costs() -> None:
    live = endpoint(variants=(variant("primary"), variant("alternative"), variant("shadow")))

    assert only(account(live=live)).check == "variant-unmeant"


@pytest.mark.parametrize(
    ("runs", "pulled", "checks"),
    [
        (DIGEST, DIGEST, set()),
        (DIGEST, DIGEST[:-1] + "b", {"image-digest"}),
        (IMAGE, DIGEST, {"image"}),
    ],
    ids=["the locked image", "another image", "a tag, from before the digest was locked"],
)
def test_an_image_whose_digest_is_locked_must_be_that_very_image(
    runs: str, pulled: str, checks: set[str]
) -> None:
    meant = template(image=DIGEST)
    variants = tuple(variant(name, image=runs, resolved_image=pulled) for name in ("primary", "alternative"))
    seen = account(live=endpoint(variants=variants), deployed=stack(template=meant))

    assert {finding.check for finding in findings(seen, meant)} == checks


def test_one_tag_that_became_two_images_is_told() -> None:
    other = variant("alternative", resolved_image=variant("primary").resolved_image[:-1] + "b")  # type: ignore[index]  # the world's variants have one

    assert only(account(live=endpoint(variants=(variant("primary"), other)))).check == "image-digest"


@pytest.mark.parametrize(
    ("deployed", "check", "severity"),
    [
        (stack(status=None), "stack-missing", Severity.BLOCKER),
        (stack(status="UPDATE_IN_PROGRESS"), "stack-in-progress", Severity.BLOCKER),
        (stack(status="UPDATE_ROLLBACK_FAILED"), "stack-failed", Severity.BLOCKER),
        (stack(status="UPDATE_ROLLBACK_COMPLETE"), "stack-rolled-back", Severity.NOTE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_state_of_the_stack_is_told(deployed: LiveStack, check: str, severity: Severity) -> None:
    finding = only(account(deployed=deployed))

    assert (finding.check, finding.severity, finding.where) == (check, severity, STACK)


def test_a_rolled_back_stack_is_a_blocker_when_it_went_back_to_something_else() -> None:
    back = stack(
        status="UPDATE_ROLLBACK_COMPLETE",
        reason="Endpoint: no capacity",
        template=template(alternative=False),
    )
    found = {finding.check: finding for finding in findings(account(deployed=back))}

    assert found["stack-rolled-back"].severity is Severity.BLOCKER
    assert "no capacity" in found["stack-rolled-back"].found
    assert found["template-drift"].severity is Severity.WARNING


def test_an_endpoint_that_is_gone_is_told_although_the_stack_looks_well() -> None:
    assert only(replace(account(), endpoints={})).check == "endpoint-missing"


@pytest.mark.parametrize(
    ("states", "check"), [({}, "rollback-alarm-missing"), ({ALARM: "ALARM"}, "rollback-alarm-ringing")]
)
def test_rollback_alarms_must_be_there_and_quiet(states: dict[str, str], check: str) -> None:
    assert only(account(alarm_states=states)).check == check


def test_what_cannot_be_resolved_is_a_finding_and_no_crash() -> None:
    seen = account()
    unknown = replace(seen, stacks={STACK: stack(physical_ids={})})

    found = findings(unknown)

    assert {finding.check for finding in found} >= {"unresolved"}
    assert any("Config is not in the stack" in finding.found for finding in found)
    assert any("no stack exports" in finding.found for finding in found)
