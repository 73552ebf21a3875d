"""The registry as JSON-able data and back. Containers are not part of it: they are started again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from endpoints.local.sagemaker.records import Endpoint, Fleet, Resource, Variant
from endpoints.local.sagemaker.registry import Registry

_INTERRUPTED = "The update was interrupted: the embedded SageMaker was restarted while it was under way."
_VERSION = 2


def snapshot(registry: Registry) -> dict[str, Any]:
    """Everything that `restore` needs, as dicts, lists, strings and numbers."""
    with registry.changed:
        return {
            "version": _VERSION,
            "models": [asdict(model) for model in registry.models.values()],
            "endpoint_configs": [asdict(config) for config in registry.configs.values()],
            "endpoints": [_endpoint(endpoint) for endpoint in registry.endpoints.values()],
            "tags": {arn: dict(tags) for arn, tags in registry.tags.items()},
        }


def restore(registry: Registry, state: dict[str, Any]) -> list[Endpoint]:
    """Fill an empty registry; answers the endpoints whose containers have to be started."""
    with registry.changed:
        registry.models = {r["name"].lower(): Resource(**r) for r in state.get("models", [])}
        registry.configs = {r["name"].lower(): Resource(**r) for r in state.get("endpoint_configs", [])}
        endpoints = [_restored(e) for e in state.get("endpoints", []) if e["status"] != "Deleting"]
        registry.endpoints = {endpoint.name.lower(): endpoint for endpoint in endpoints}
        registry.tags = {arn: dict(tags) for arn, tags in state.get("tags", {}).items()}
        return [endpoint for endpoint in endpoints if endpoint.status != "Failed"]


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    kept = {key: value for key, value in vars(endpoint).items() if key not in {"fleet", "pending"}}
    return kept | {"fleet": [_variant(variant) for variant in endpoint.fleet.values()]}


def _variant(variant: Variant) -> dict[str, Any]:
    return {key: value for key, value in vars(variant).items() if key != "instances"}


def _current(variant: dict[str, Any]) -> dict[str, Any]:
    """A variant of version 1 had one instance type."""
    if "instance_type" not in variant:
        return variant
    kept = {key: value for key, value in variant.items() if key != "instance_type"}
    return kept | {"instance_types": [variant["instance_type"]], "provision_timeout_s": 0.0}


def _restored(state: dict[str, Any]) -> Endpoint:
    fleet: Fleet = {variant["name"]: Variant(**variant) for variant in map(_current, state["fleet"])}
    endpoint = Endpoint(**(state | {"fleet": fleet}))
    if endpoint.status == "Updating":
        endpoint.settle("InService", _INTERRUPTED)  # on the old configuration, as after any failed update
    return endpoint
