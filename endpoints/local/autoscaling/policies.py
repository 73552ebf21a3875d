"""Scaling policies and scheduled actions as they are put and described, and scaling activities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from endpoints.local.autoscaling.schedule import parse_schedule
from endpoints.local.autoscaling.state import Row, State, not_found, now_s, page, seconds, selected
from endpoints.local.autoscaling.targets import NAMESPACE, check_resource
from endpoints.local.autoscaling.tracking import supported, tracking_alarms
from endpoints.local.protocol import Handler, validation_error

_CONFIGURATIONS = {
    "StepScaling": "StepScalingPolicyConfiguration",
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
}


class PolicyOperations:
    def __init__(self, state: State) -> None:
        self._state = state
        self.handlers: dict[str, Handler] = {
            "PutScalingPolicy": self.put,
            "DescribeScalingPolicies": self.describe,
            "DeleteScalingPolicy": self.delete,
            "DescribeScalingActivities": self.describe_activities,
        }

    def put(self, params: dict[str, Any]) -> dict[str, Any]:
        check_resource(params)
        with self._state.changing():
            self._state.target(params)
            key = _key(params, params["PolicyName"])
            row = self._row(params, self._state.policies.get(key))
            self._state.drop_policy(key)
            self._state.policies[key] = row | {"Alarms": self._make_alarms(row)}
        return {"PolicyARN": row["PolicyARN"], "Alarms": self._state.policies[key]["Alarms"]}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.lock:
            rows = selected(self._state.policies, params, names="PolicyNames", name="PolicyName")
        rows = [row | {"Alarms": row["Alarms"] or self._acting_alarms(row)} for row in rows]
        policies, token = page(rows if params["ServiceNamespace"] == NAMESPACE else [], params)
        return {"ScalingPolicies": policies, "NextToken": token}

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.changing():
            if self._state.drop_policy(_key(params, params["PolicyName"])) is None:
                raise not_found("scaling policy", params)
        return {}

    def describe_activities(self, params: dict[str, Any]) -> dict[str, Any]:
        """What has changed a variant's count, the latest first."""
        with self._state.lock:
            rows = selected(self._state.activities, params, names="", name="ActivityId")
        activities, token = page(rows[::-1] if params["ServiceNamespace"] == NAMESPACE else [], params)
        return {"ScalingActivities": activities, "NextToken": token}

    def _make_alarms(self, row: Row) -> list[Row]:
        """The alarms of a target tracking policy; those of a step policy are the user's own."""
        if row["PolicyType"] != "TargetTrackingScaling":
            return []
        alarms = tracking_alarms(row)
        for alarm in alarms:
            self._state.cloudwatch.put_alarm(alarm)
        return [self._reference(alarm["AlarmName"]) for alarm in alarms]

    def _acting_alarms(self, row: Row) -> list[Row]:
        alarms = self._state.cloudwatch.alarms()
        acting = [a for a in alarms if row["PolicyARN"] in a.get("AlarmActions", ())]
        return [self._reference(alarm["AlarmName"]) for alarm in acting]

    def _reference(self, alarm_name: str) -> Row:
        prefix = f"arn:aws:cloudwatch:{self._state.region}:{self._state.account}:alarm"
        return {"AlarmName": alarm_name, "AlarmARN": f"{prefix}:{alarm_name}"}

    def _row(self, params: dict[str, Any], known: Row | None) -> Row:
        policy_type = params.get("PolicyType") or (known or {}).get("PolicyType", "StepScaling")
        configuration = _CONFIGURATIONS[policy_type]
        _check_policy(params, policy_type, configuration)
        name = params["PolicyName"]
        return {
            "PolicyARN": (known or {}).get("PolicyARN")
            or self._state.resource_arn("scalingPolicy", params, "policyName", name),
            "PolicyName": name,
            "ServiceNamespace": NAMESPACE,
            "ResourceId": params["ResourceId"],
            "ScalableDimension": params["ScalableDimension"],
            "PolicyType": policy_type,
            configuration: params[configuration],
            "Alarms": [],
            "CreationTime": (known or {}).get("CreationTime", now_s()),
        }


class ScheduleOperations:
    def __init__(self, state: State) -> None:
        self._state = state
        self.handlers: dict[str, Handler] = {
            "PutScheduledAction": self.put,
            "DescribeScheduledActions": self.describe,
            "DeleteScheduledAction": self.delete,
        }

    def put(self, params: dict[str, Any]) -> dict[str, Any]:
        check_resource(params)
        with self._state.changing():
            self._state.target(params)
            key = _key(params, params["ScheduledActionName"])
            self._state.actions[key] = self._row(params, self._state.actions.get(key))
        return {}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.lock:
            rows = selected(
                self._state.actions, params, names="ScheduledActionNames", name="ScheduledActionName"
            )
        actions, token = page(rows if params["ServiceNamespace"] == NAMESPACE else [], params)
        return {"ScheduledActions": actions, "NextToken": token}

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.changing():
            if self._state.actions.pop(_key(params, params["ScheduledActionName"]), None) is None:
                raise not_found("scheduled action", params)
        return {}

    def _row(self, params: dict[str, Any], known: Row | None) -> Row:
        name = params["ScheduledActionName"]
        if known is None and "Schedule" not in params:
            raise validation_error("Schedule is required for a new scheduled action.")
        if "Schedule" in params:
            parse_schedule(params["Schedule"], params.get("Timezone"), datetime.now(UTC))
        created = known or {
            "ScheduledActionARN": self._state.resource_arn(
                "scheduledAction", params, "scheduledActionName", name
            ),
            "CreationTime": now_s(),
        }
        times = {key: seconds(params.get(key)) for key in ("StartTime", "EndTime") if key in params}
        return created | params | times


def _key(params: dict[str, Any], name: str) -> str:
    return f"{params['ResourceId']}\n{params['ScalableDimension']}\n{name}"


def _check_policy(params: dict[str, Any], policy_type: str, configuration: str) -> None:
    if configuration not in params:
        raise validation_error(f"A {policy_type} policy needs {configuration}.")
    if policy_type == "TargetTrackingScaling":
        _check_target_tracking(params[configuration])


def _check_target_tracking(configuration: dict[str, Any]) -> None:
    predefined = configuration.get("PredefinedMetricSpecification")
    if bool(predefined) == bool(configuration.get("CustomizedMetricSpecification")):
        raise validation_error(
            "Specify exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification."
        )
    if predefined and not supported(predefined["PredefinedMetricType"]):
        raise validation_error(
            f"PredefinedMetricType {predefined['PredefinedMetricType']} is not supported for service "
            f"namespace {NAMESPACE}."
        )
    custom = configuration.get("CustomizedMetricSpecification")
    if custom and not {"MetricName", "Namespace", "Statistic"} <= custom.keys():
        raise validation_error(
            "A CustomizedMetricSpecification needs MetricName, Namespace and Statistic (metric math is not embedded)."
        )
