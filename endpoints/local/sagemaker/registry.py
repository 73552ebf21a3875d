"""The state of the embedded SageMaker behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from endpoints.local.protocol import validation_error
from endpoints.local.sagemaker.records import Endpoint, Resource

_T = TypeVar("_T", Resource, Endpoint)


class ScalableTargets(Protocol):
    """What SageMaker asks Application Auto Scaling. Resource ids are `endpoint/<name>/variant/<variant>`."""

    def has_target(self, resource_id: str) -> bool:
        """True when the variant is registered as a scalable target."""

    def forget_targets(self, resource_ids: list[str]) -> None:
        """Deregister the targets of variants that are deleted; unknown ids are ignored."""


class NoScalableTargets:
    """Stands in until an Application Auto Scaling is attached."""

    def has_target(self, resource_id: str) -> bool:  # noqa: ARG002 -- the protocol's signature
        return False

    def forget_targets(self, resource_ids: list[str]) -> None:
        """Nothing to forget."""


class Registry:
    """Names are compared without case, as SageMaker does; ARNs are lower case."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.changed = threading.Condition(threading.RLock())
        self.models: dict[str, Resource] = {}
        self.configs: dict[str, Resource] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.scalable_targets: ScalableTargets = NoScalableTargets()
        self.on_change: Callable[[], None] = lambda: None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock for a change; afterwards wake who waits and tell `on_change`, outside the lock."""
        with self.changed:
            yield
            self.changed.notify_all()
        self.on_change()

    def arn(self, kind: str, name: str) -> str:
        """`kind` is "model", "endpoint-config" or "endpoint"."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"

    def model(self, name: str) -> Resource:
        return self._found(self.models, "model", "model", name)

    def config(self, name: str) -> Resource:
        return self._found(self.configs, "endpoint-config", "endpoint configuration", name)

    def endpoint(self, name: str) -> Endpoint:
        return self._found(self.endpoints, "endpoint", "endpoint", name)

    def refuse_existing(self, exists: bool, kind: str, noun: str, name: str) -> None:
        if exists:
            raise validation_error(f'Cannot create already existing {noun} "{self.arn(kind, name)}".')

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        if tags:
            self.tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def _found(self, table: dict[str, _T], kind: str, noun: str, name: str) -> _T:
        try:
            return table[name.lower()]
        except KeyError:
            raise validation_error(f'Could not find {noun} "{self.arn(kind, name)}".') from None
