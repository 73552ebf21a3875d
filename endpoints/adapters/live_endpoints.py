"""Gathers what `endpoints.verify` compares: stacks, endpoints, scaling and alarms of one account and region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.adapters.live_scaling import scalable_targets
from endpoints.adapters.live_stacks import describe_stack
from endpoints.templates import ENDPOINT, Template, instance_types, resources_of
from endpoints.verify.intent import endpoint_intents, model_data
from endpoints.verify.live import Account, LiveEndpoint, LiveStack, LiveVariant
from endpoints.verify.resolver import Unresolved

_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=16,
    retries={"mode": "adaptive", "total_max_attempts": 6},
)
_AT_ONCE: Final = 8
_ALARMS_AT_ONCE: Final = 100  # the most names that DescribeAlarms takes


class AccountReader:
    """Reads one account and region. `endpoint_url` is the embedded AWS; None is AWS itself."""

    def __init__(self, session: boto3.Session, region: str, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        make: Any = session.client  # boto3's stubs know services by literal names only
        self._clients = {
            service: make(service, region_name=region, endpoint_url=endpoint_url, config=_CONFIG)
            for service in ("cloudformation", "sagemaker", "application-autoscaling", "cloudwatch")
        }

    def client(self, service: str) -> Any:
        """The boto3 client that it reads `service` with."""
        return self._clients[service]

    def has_stack(self, name: str) -> bool:
        """Raises `RemoteError`."""
        with aws_errors(f"look at stack {name}", endpoint_url=self._endpoint_url):
            return self._stack(name).status is not None

    def read(self, templates: Mapping[str, Template]) -> Account:
        """Everything that the stacks of `templates` mean or run. Raises `RemoteError`."""
        with aws_errors("look at what is deployed", endpoint_url=self._endpoint_url):
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                stacks = dict(zip(templates, pool.map(self._stack, templates), strict=True))
                names = endpoint_names(templates, stacks)
                found = pool.map(self._endpoint, names)
                endpoints = {endpoint.name: endpoint for endpoint in found if endpoint is not None}
            return Account(
                stacks=stacks,
                endpoints=endpoints,
                alarm_states=self._alarm_states(_alarm_names(templates, stacks, endpoints.values())),
            )

    def _stack(self, name: str) -> LiveStack:
        return describe_stack(self._clients["cloudformation"], name)

    def _endpoint(self, name: str) -> LiveEndpoint | None:
        sagemaker = self._clients["sagemaker"]
        try:
            described = sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if _is_absent(error):
                return None
            raise
        config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        deployment = described.get("LastDeploymentConfig", {}).get("AutoRollbackConfiguration", {})
        return LiveEndpoint(
            name=name,
            status=described["EndpointStatus"],
            failure_reason=described.get("FailureReason"),
            config_name=described["EndpointConfigName"],
            variants=tuple(self._variants(described, config)),
            rollback_alarms=tuple(alarm["AlarmName"] for alarm in deployment.get("Alarms", ())),
            targets=scalable_targets(self._clients["application-autoscaling"], described, config),
        )

    def _variants(self, endpoint: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[LiveVariant]:
        running = {variant["VariantName"]: variant for variant in endpoint.get("ProductionVariants", ())}
        for configured in config["ProductionVariants"]:
            if configured["VariantName"] in running:
                container = self._container(configured["ModelName"])
                yield _variant(configured, running[configured["VariantName"]], container)

    def _container(self, model_name: str) -> Mapping[str, Any]:
        """Empty when the model was deleted while its endpoint serves it."""
        try:
            model = self._clients["sagemaker"].describe_model(ModelName=model_name)
        except ClientError as error:
            if _is_absent(error):
                return {}
            raise
        containers = [model.get("PrimaryContainer", {}), *model.get("Containers", ())]
        return next(filter(None, containers), {})

    def _alarm_states(self, names: Iterable[str]) -> dict[str, str]:
        wanted = sorted(set(names))
        cloudwatch = self._clients["cloudwatch"]
        states: dict[str, str] = {}
        for start in range(0, len(wanted), _ALARMS_AT_ONCE):
            answer = cloudwatch.describe_alarms(
                AlarmNames=wanted[start : start + _ALARMS_AT_ONCE],
                AlarmTypes=["MetricAlarm", "CompositeAlarm"],
                MaxRecords=_ALARMS_AT_ONCE,
            )
            alarms = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
            states |= {alarm["AlarmName"]: alarm.get("StateValue", "") for alarm in alarms}
        return states


def endpoint_names(templates: Mapping[str, Template], stacks: Mapping[str, LiveStack]) -> list[str]:
    """Endpoints that the templates mean, and those that the deployed stacks have."""
    meant = {intent.endpoint_name for intent in endpoint_intents(templates, stacks)}
    deployed = {
        name: stack.template for name, stack in stacks.items() if resources_of(stack.template, ENDPOINT)
    }
    return sorted(meant | {intent.endpoint_name for intent in endpoint_intents(deployed, stacks)})


def _alarm_names(
    templates: Mapping[str, Template],
    stacks: Mapping[str, LiveStack],
    endpoints: Iterable[LiveEndpoint],
) -> Iterator[str]:
    for intent in endpoint_intents(templates, stacks):
        yield from (alarm for alarm in intent.rollback_alarms if not isinstance(alarm, Unresolved))
    for endpoint in endpoints:
        yield from endpoint.rollback_alarms


def _variant(
    configured: Mapping[str, Any], running: Mapping[str, Any], container: Mapping[str, Any]
) -> LiveVariant:
    deployed: Mapping[str, Any] = next(iter(running.get("DeployedImages", ())), {})
    data = model_data(container)
    return LiveVariant(
        name=configured["VariantName"],
        instance_types=instance_types(configured),
        host_ami=configured.get("InferenceAmiVersion"),
        image=deployed.get("SpecifiedImage", container.get("Image")),
        resolved_image=deployed.get("ResolvedImage"),
        model_data=None if data is None else str(data),
        environment=container.get("Environment", {}),
        desired_weight=running.get("DesiredWeight", running.get("CurrentWeight", 0.0)),
        desired_count=running.get("DesiredInstanceCount", 0),
        current_count=running.get("CurrentInstanceCount", 0),
    )


def _is_absent(error: ClientError) -> bool:
    return error_code(error) == "ValidationException" and "Could not find" in str(error)
