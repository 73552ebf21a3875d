"""Scalable targets and their tags."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from endpoints.local.autoscaling.state import Row, State, Table, now_s, page, selected
from endpoints.local.protocol import Handler, ServiceError, validation_error
from endpoints.local.sagemaker import SageMaker

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_RESOURCE_ID = re.compile(r"endpoint/[^/]+/variant/[^/]+")
_SERVICE_ROLE = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_ALL_RUNNING = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


@dataclass(frozen=True)
class ScaledVariant:
    """The variant behind a resource id."""

    endpoint_name: str
    variant_name: str
    endpoint_status: str
    desired_count: int


class TargetOperations:
    def __init__(self, state: State, sagemaker: SageMaker, keep_capacity: Callable[[], None]) -> None:
        self._state = state
        self._sagemaker = sagemaker
        self._keep_capacity = keep_capacity
        self.handlers: dict[str, Handler] = {
            "RegisterScalableTarget": self.register,
            "DescribeScalableTargets": self.describe,
            "DeregisterScalableTarget": self.deregister,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    def register(self, params: dict[str, Any]) -> dict[str, Any]:
        """Register or update; afterwards the variant's count is brought into min..max in the background."""
        check_resource(params)
        scaled_variant(self._sagemaker, params["ResourceId"])
        with self._state.changing():
            row = self._merged(self._state.targets.get(params["ResourceId"]), params)
            self._state.targets[params["ResourceId"]] = row
            if params.get("Tags"):
                self._state.tags.setdefault(row["ScalableTargetARN"], {}).update(params["Tags"])
        self._keep_capacity()
        return {"ScalableTargetARN": row["ScalableTargetARN"]}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.lock:
            if params["ServiceNamespace"] != NAMESPACE:
                return {"ScalableTargets": []}
            rows = selected(self._state.targets, params, names="ResourceIds", name="ResourceId")
        targets, token = page(rows, params)
        return {"ScalableTargets": targets, "NextToken": token}

    def deregister(self, params: dict[str, Any]) -> dict[str, Any]:
        """The target's policies and scheduled actions go with it, as in the service."""
        with self._state.changing():
            self.forget(self._state.target(params)["ResourceId"])
        return {}

    def forget(self, resource_id: str) -> None:
        """Drop a target and what hangs on it; the lock is the caller's."""
        row = self._state.targets.pop(resource_id, None)
        if row is not None:
            self._state.tags.pop(row["ScalableTargetARN"], None)
        for key in _of_resource(self._state.policies, resource_id):
            self._state.drop_policy(key)
        for key in _of_resource(self._state.actions, resource_id):
            del self._state.actions[key]

    def tag(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.changing():
            self._tags(params).update(params["Tags"])
        return {}

    def untag(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.changing():
            tags = self._tags(params)
            for key in params["TagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._state.lock:
            return {"Tags": dict(self._tags(params))}

    def _tags(self, params: dict[str, Any]) -> dict[str, str]:
        arn = params["ResourceARN"]
        if all(row["ScalableTargetARN"] != arn for row in self._state.targets.values()):
            raise ServiceError(
                "ResourceNotFoundException", f"No scalable target has the ARN {arn}.", ResourceName=arn
            )
        return self._state.tags.setdefault(arn, {})

    def set_bounds(self, resource_id: str, bounds: Row) -> None:
        """What a scheduled action asks for: MinCapacity, MaxCapacity or both."""
        with self._state.changing():
            row = self._state.targets[resource_id] | bounds
            _check_capacities(row)
            self._state.targets[resource_id] = row
        self._keep_capacity()

    def _merged(self, known: Row | None, params: dict[str, Any]) -> Row:
        row = (known or self._new_row(params)) | {
            name: params[name] for name in ("MinCapacity", "MaxCapacity", "RoleARN") if name in params
        }
        row["SuspendedState"] = row["SuspendedState"] | params.get("SuspendedState", {})
        _check_capacities(row)
        return row

    def _new_row(self, params: dict[str, Any]) -> Row:
        account, region = self._state.account, self._state.region
        arn = f"arn:aws:application-autoscaling:{region}:{account}:scalable-target/{uuid.uuid4().hex}"
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": params["ResourceId"],
            "ScalableDimension": DIMENSION,
            "RoleARN": f"arn:aws:iam::{account}:{_SERVICE_ROLE}",
            "CreationTime": now_s(),
            "SuspendedState": _ALL_RUNNING,
            "ScalableTargetARN": arn,
        }


def check_resource(params: dict[str, Any]) -> None:
    """Raise ServiceError unless the request is about the instance count of a SageMaker variant."""
    if params["ServiceNamespace"] != NAMESPACE or params["ScalableDimension"] != DIMENSION:
        raise validation_error(
            "Unsupported service namespace, resource type or scalable dimension: the embedded Application Auto "
            f"Scaling scales {DIMENSION} only."
        )
    if not _RESOURCE_ID.fullmatch(params["ResourceId"]):
        raise validation_error(
            f"Unsupported resource ID: {params['ResourceId']}. It has the form endpoint/<name>/variant/<variant>."
        )


def scaled_variant(sagemaker: SageMaker, resource_id: str) -> ScaledVariant:
    """What SageMaker says of a variant. Raises ServiceError ValidationException when there is none."""
    _, endpoint_name, _, variant_name = resource_id.split("/")
    endpoint = sagemaker.call("DescribeEndpoint", {"EndpointName": endpoint_name})
    for variant in endpoint.get("ProductionVariants", []):
        if variant["VariantName"] == variant_name:
            status, count = endpoint["EndpointStatus"], variant["DesiredInstanceCount"]
            return ScaledVariant(endpoint_name, variant_name, status, count)
    arn = endpoint["EndpointArn"]
    raise validation_error(f'Could not find variant "{variant_name}" of endpoint "{arn}".')


def _of_resource(table: Table, resource_id: str) -> list[str]:
    return [key for key, row in table.items() if row["ResourceId"] == resource_id]


def _check_capacities(row: Row) -> None:
    if "MinCapacity" not in row or "MaxCapacity" not in row:
        raise validation_error("MinCapacity and MaxCapacity are required to register a new scalable target.")
    if row["MinCapacity"] > row["MaxCapacity"]:
        raise validation_error("Minimum capacity cannot be greater than maximum capacity.")
    if row["MinCapacity"] < 1:
        raise validation_error(f"Minimum capacity cannot be less than 1 for {DIMENSION}.")
