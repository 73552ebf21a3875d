"""Tags of models, endpoint configurations and endpoints."""

from __future__ import annotations

from typing import Any

from endpoints.local.protocol import Handler, validation_error
from endpoints.local.sagemaker.registry import Registry

_MAX_TAGS = 50


class TagOperations:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.handlers: dict[str, Handler] = {
            "AddTags": self.add,
            "ListTags": self.list_tags,
            "DeleteTags": self.delete,
        }

    def add(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._registry.changing():
            arn = self._existing(params["ResourceArn"])
            keys = self._registry.tags.get(arn, {}).keys() | {tag["Key"] for tag in params["Tags"]}
            if len(keys) > _MAX_TAGS:
                raise validation_error(
                    f"A resource has at most {_MAX_TAGS} tags; this would make {len(keys)}."
                )
            self._registry.tag(arn, params["Tags"])
            return {"Tags": self._tags(arn)}

    def list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._registry.changed:
            return {"Tags": self._tags(self._existing(params["ResourceArn"]))}

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._registry.changing():
            tags = self._registry.tags.get(self._existing(params["ResourceArn"]), {})
            for key in params["TagKeys"]:
                tags.pop(key, None)
        return {}

    def _existing(self, arn: str) -> str:
        registry = self._registry
        arns = {r.arn for table in (registry.models, registry.configs) for r in table.values()}
        arns |= {endpoint.arn for endpoint in registry.endpoints.values()}
        if arn.lower() in arns:
            return arn.lower()
        raise validation_error(f'Could not find resource "{arn}".')

    def _tags(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self._registry.tags.get(arn, {}).items()]
