"""Which variant and instance answers a request."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from endpoints.local.containers import RunningContainer
from endpoints.local.protocol import ServiceError
from endpoints.local.sagemaker.health import set_health
from endpoints.local.sagemaker.records import Endpoint, Instance, Variant
from endpoints.local.sagemaker.registry import Registry

_SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})


@dataclass(frozen=True)
class Target:
    """Where one request goes."""

    endpoint_name: str
    variant_name: str
    config_name: str
    base_url: str
    instance: Instance
    instance_count: int  # of the variant's fleet that answers


class Router:
    def __init__(self, registry: Registry, url_of: Callable[[RunningContainer], str]) -> None:
        self._registry = registry
        self._url_of = url_of

    @contextmanager
    def lease(self, endpoint_name: str, target_variant: str | None) -> Iterator[Target]:
        """The target of a request; while the block runs, its instance is not stopped.

        Raises ServiceError ValidationError (unknown endpoint or variant, not in service) or ServiceUnavailable.
        """
        with self._registry.changed:
            endpoint = self._serving(endpoint_name)
            variant = self._variant(endpoint, target_variant)
            config_name, variant, instances = _fleet_of(endpoint, variant)
            instance = _pick(endpoint, variant, instances)
            instance.requests_in_flight += 1
        try:
            base_url = self._url_of(instance.container)
            count = len(variant.instances)
            yield Target(endpoint.name, variant.name, config_name, base_url, instance, count)
        finally:
            with self._registry.changed:
                instance.requests_in_flight -= 1
                self._registry.changed.notify_all()

    def mark_unhealthy(self, target: Target) -> None:
        """A request could not reach the container: say so before the next health check does."""
        with self._registry.changed:
            set_health(target.instance, healthy=False)

    def _serving(self, name: str) -> Endpoint:
        endpoint = self._registry.endpoints.get(name.lower())
        account = self._registry.account
        if endpoint is None or endpoint.status not in _SERVING:
            raise ServiceError("ValidationError", f"Endpoint {name} of account {account} not found.")
        return endpoint

    def _variant(self, endpoint: Endpoint, target_variant: str | None) -> Variant:
        if target_variant is None:
            return _by_weight(list(endpoint.fleet.values()))
        if target_variant not in endpoint.fleet:
            raise ServiceError(
                "ValidationError", f"Variant {target_variant} not found for endpoint {endpoint.name}."
            )
        return endpoint.fleet[target_variant]


def _by_weight(variants: list[Variant]) -> Variant:
    weights = [variant.current_weight for variant in variants]
    if not any(weights):
        weights = [1.0] * len(variants)
    return random.choices(variants, weights)[0]  # noqa: S311 -- traffic shares, not secrets


def _fleet_of(endpoint: Endpoint, variant: Variant) -> tuple[str, Variant, list[Instance]]:
    """During an update: the old or the new fleet by the share that has shifted, and its instances with traffic."""
    pending = endpoint.pending
    if pending is not None and random.random() < pending.share(variant.name):  # noqa: S311 -- as above
        new = pending.fleet[variant.name]
        return pending.config_name, new, new.instances[: pending.active[variant.name]]
    return endpoint.config_name, variant, variant.instances


def _pick(endpoint: Endpoint, variant: Variant, instances: list[Instance]) -> Instance:
    """The instance with the fewest requests in flight; an unhealthy one only where there is no other."""
    if not instances:
        raise ServiceError(
            "ServiceUnavailable",
            f"Variant {variant.name} of endpoint {endpoint.name} has no instance yet.",
            503,
        )
    candidates = [i for i in instances if i.healthy] or instances
    fewest = min(instance.requests_in_flight for instance in candidates)
    return random.choice([i for i in candidates if i.requests_in_flight == fewest])  # noqa: S311 -- as above
