"""From a traffic shift to SageMaker's DeploymentConfig."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_sagemaker as sagemaker

from endpoints.catalogue import UpdateSettings
from endpoints.sizing.traffic_shift import ShiftKind, TrafficShift

# The whole update, every start of a container included: SageMaker accepts 600-28,800 s.
_LONGEST_UPDATE_S = 14_400

_Config = sagemaker.CfnEndpoint.DeploymentConfigProperty
_BlueGreen = sagemaker.CfnEndpoint.BlueGreenUpdatePolicyProperty
_Routing = sagemaker.CfnEndpoint.TrafficRoutingConfigProperty
_Size = sagemaker.CfnEndpoint.CapacitySizeProperty


def deployment_config(
    shift: TrafficShift, updates: UpdateSettings, rollback_alarms: Sequence[str]
) -> _Config:
    """Blue/green as `shift` says, the old fleet kept for the bake, ended by any of `rollback_alarms`."""
    alarms = [sagemaker.CfnEndpoint.AlarmProperty(alarm_name=name) for name in rollback_alarms]
    return _Config(
        blue_green_update_policy=_BlueGreen(
            traffic_routing_configuration=_routing(shift, updates),
            termination_wait_in_seconds=updates.bake_s,
            maximum_execution_timeout_in_seconds=_LONGEST_UPDATE_S,
        ),
        auto_rollback_configuration=(
            sagemaker.CfnEndpoint.AutoRollbackConfigProperty(alarms=alarms) if alarms else None
        ),
    )


def _routing(shift: TrafficShift, updates: UpdateSettings) -> _Routing:
    match shift.kind:
        case ShiftKind.CANARY:
            return _Routing(
                type=shift.kind,
                wait_interval_in_seconds=updates.shift_wait_s,
                canary_size=_Size(type="INSTANCE_COUNT", value=shift.size or 1),
            )
        case ShiftKind.LINEAR:
            return _Routing(
                type=shift.kind,
                wait_interval_in_seconds=updates.shift_wait_s,
                linear_step_size=_Size(type="CAPACITY_PERCENT", value=shift.size or 1),
            )
        case ShiftKind.ALL_AT_ONCE:
            # SageMaker demands the interval even where nothing waits; CloudFormation's schema does not say so.
            return _Routing(type=shift.kind, wait_interval_in_seconds=0)
