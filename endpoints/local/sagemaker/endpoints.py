"""The endpoint operations: what is refused, what is answered at once, what is left to the deployer."""

from __future__ import annotations

from collections import Counter
from typing import Any

from endpoints.local.cloudwatch import CloudWatch
from endpoints.local.protocol import Handler, validation_error
from endpoints.local.sagemaker.deployment import Deployer
from endpoints.local.sagemaker.deployment_config import Plan, plan_deployment
from endpoints.local.sagemaker.describe import endpoint_answer, endpoint_summary
from endpoints.local.sagemaker.fleets import plan_fleet, refused_variant, resource_id, retain_properties
from endpoints.local.sagemaker.listing import page
from endpoints.local.sagemaker.provisioning import Provisioner, counts
from endpoints.local.sagemaker.records import IN_PROGRESS, Endpoint, Fleet, Pending, now_s
from endpoints.local.sagemaker.registry import Registry


class EndpointOperations:
    def __init__(
        self, registry: Registry, deployer: Deployer, provisioner: Provisioner, cloudwatch: CloudWatch
    ) -> None:
        self._registry = registry
        self._deployer = deployer
        self._provisioner = provisioner
        self._cloudwatch = cloudwatch
        self.handlers: dict[str, Handler] = {
            "CreateEndpoint": self.create,
            "DescribeEndpoint": self.describe,
            "UpdateEndpoint": self.update,
            "UpdateEndpointWeightsAndCapacities": self.update_weights_and_capacities,
            "DeleteEndpoint": self.delete,
            "ListEndpoints": self.list_page,
        }

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        name, registry = params["EndpointName"], self._registry
        with registry.changing():
            registry.refuse_existing(name.lower() in registry.endpoints, "endpoint", "endpoint", name)
            config = registry.config(params["EndpointConfigName"])
            fleet, capture, now = (
                plan_fleet(registry, config),
                config.request.get("DataCaptureConfig"),
                now_s(),
            )
            self._provisioner.check_quota(counts(fleet))
            plan_deployment(params.get("DeploymentConfig"), _instances(fleet))  # kept for later updates
            arn = registry.arn("endpoint", name)
            endpoint = Endpoint(name, arn, config.name, fleet, capture, now, now)
            endpoint.deployment_config = params.get("DeploymentConfig")
            registry.endpoints[name.lower()] = endpoint
            registry.tag(arn, params.get("Tags", []))
        self._deployer.create(endpoint)
        return {"EndpointArn": arn}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._registry.changed:
            return endpoint_answer(self._registry.endpoint(params["EndpointName"]))

    def update(self, params: dict[str, Any]) -> dict[str, Any]:
        self._refuse_scaled_change(params)
        with self._registry.changing():
            endpoint = self._idle_endpoint(params["EndpointName"])
            retained = params.get("RetainDeploymentConfig")
            config = endpoint.deployment_config if retained else params.get("DeploymentConfig")
            pending = self._planned(endpoint, params)
            plan = self._plan(config, pending.fleet)
            endpoint.pending, endpoint.deployment_config = pending, config
            endpoint.settle("Updating")
        self._deployer.update(endpoint, plan)
        return {"EndpointArn": endpoint.arn}

    def update_weights_and_capacities(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._registry.changing():
            endpoint = self._idle_endpoint(params["EndpointName"])
            wanted = params["DesiredWeightsAndCapacities"]
            for item in wanted:
                _check_desired(endpoint, item)
            self._provisioner.check_quota(_growth(endpoint, wanted))
            for item in wanted:
                variant = endpoint.fleet[item["VariantName"]]
                variant.desired_weight = float(item.get("DesiredWeight", variant.desired_weight))
                variant.desired_count = int(item.get("DesiredInstanceCount", variant.desired_count))
            endpoint.settle("Updating")
        self._deployer.rescale(endpoint)
        return {"EndpointArn": endpoint.arn}

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        """As in SageMaker, refused while an operation runs; scalable targets of its variants go with it."""
        with self._registry.changing():
            endpoint = self._registry.endpoint(params["EndpointName"])
            if endpoint.status in IN_PROGRESS:
                raise validation_error(f'Cannot update in-progress endpoint "{endpoint.arn}".')
            endpoint.settle("Deleting", endpoint.failure_reason)
            variants = list(endpoint.fleet)
        try:
            self._registry.scalable_targets.forget_targets([resource_id(endpoint.name, v) for v in variants])
        finally:  # a fault of ours must not leave the endpoint in Deleting, where nothing can be done with it
            self._deployer.delete(endpoint)
        return {}

    def list_page(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._registry.changed:
            endpoints, token = page(list(self._registry.endpoints.values()), params)
            return {"Endpoints": [endpoint_summary(e) for e in endpoints], "NextToken": token}

    def _idle_endpoint(self, name: str) -> Endpoint:
        endpoint = self._registry.endpoint(name)
        if endpoint.status in IN_PROGRESS:
            raise validation_error(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        if endpoint.status != "InService":
            raise validation_error(f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}.')
        return endpoint

    def _planned(self, endpoint: Endpoint, params: dict[str, Any]) -> Pending:
        config = self._registry.config(params["EndpointConfigName"])
        fleet, capture = plan_fleet(self._registry, config), config.request.get("DataCaptureConfig")
        if params.get("RetainAllVariantProperties"):
            excluded = {p["VariantPropertyType"] for p in params.get("ExcludeRetainedVariantProperties", [])}
            retain_properties(fleet, endpoint.fleet, excluded)
            capture = capture if "DataCaptureConfig" in excluded else endpoint.data_capture
        self._provisioner.check_quota(counts(fleet))
        return Pending(config.name, fleet, now_s(), capture)

    def _refuse_scaled_change(self, params: dict[str, Any]) -> None:
        """Outside the lock, because Application Auto Scaling has a lock of its own and asks back."""
        endpoint = self._registry.endpoint(params["EndpointName"])
        planned = plan_fleet(self._registry, self._registry.config(params["EndpointConfigName"]))
        variant = refused_variant(self._registry, endpoint, planned)
        if variant is not None:
            change = "change the instance type of" if variant.name in planned else "remove"
            raise validation_error(
                f'Cannot update endpoint "{endpoint.arn}": it would {change} variant "{variant.name}", which is '
                "registered as a scalable target with Application Auto Scaling. Deregister the scalable target, "
                "then update the endpoint, then register the target again."
            )

    def _plan(self, config: dict[str, Any] | None, fleet: Fleet) -> Plan:
        """Raises ServiceError for a DeploymentConfig that does not fit the fleet or names unknown alarms."""
        plan = plan_deployment(config, _instances(fleet))
        known = self._cloudwatch.alarm_states() if plan.alarm_names else {}
        missing = [name for name in plan.alarm_names if name not in known]
        if missing:
            raise validation_error(
                "The following Amazon CloudWatch alarms in AutoRollbackConfiguration do not exist: "
                f"{', '.join(missing)}."
            )
        return plan


def _instances(fleet: Fleet) -> dict[str, int]:
    return {name: variant.desired_count for name, variant in fleet.items()}


def _growth(endpoint: Endpoint, wanted: list[dict[str, Any]]) -> Counter[str]:
    """Instances by type that a change of capacities would add."""
    growth: Counter[str] = Counter()
    for item in wanted:
        variant = endpoint.fleet[item["VariantName"]]
        growth[variant.instance_type] += item.get("DesiredInstanceCount", variant.desired_count)
        growth[variant.instance_type] -= variant.desired_count
    return growth


def _check_desired(endpoint: Endpoint, item: dict[str, Any]) -> None:
    name = item["VariantName"]
    if name not in endpoint.fleet:
        raise validation_error(
            f'The variant name(s) "{name}" is/are not present within endpoint configuration '
            f'"{endpoint.config_name}".'
        )
    if item.get("DesiredInstanceCount") == 0:
        raise validation_error(f'Variant "{name}" cannot scale to zero: that needs inference components.')
    if item.get("ServerlessUpdateConfig"):
        raise validation_error(f'Variant "{name}" is not serverless.')
