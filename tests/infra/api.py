"""A template's REST API by path, and environments that differ in one setting."""

from __future__ import annotations

from typing import Any

from endpoints.catalogue import load_catalogue
from tests.infra.conftest import Template, resources, synthesise


def methods_of(template: Template) -> dict[tuple[str, str], dict[str, Any]]:
    """The properties of each method by path and HTTP method."""
    return {
        (_path(template, found["Properties"]["ResourceId"]), found["Properties"]["HttpMethod"]): found[
            "Properties"
        ]
        for found in resources(template, "AWS::ApiGateway::Method").values()
    }


def _path(template: Template, resource: Any) -> str:
    if "Fn::GetAtt" in resource:  # the API's root
        return ""
    properties = template["Resources"][resource["Ref"]]["Properties"]
    return f"{_path(template, properties['ParentId'])}/{properties['PathPart']}"


def router_template(*, router: dict[str, Any] | None = None, api: dict[str, Any] | None = None) -> Template:
    """The sandbox's router stack with other settings."""
    catalogue = load_catalogue()
    sandbox = catalogue.environment("sandbox")
    changed = sandbox.model_copy(
        update={
            "router": sandbox.router.model_copy(update=router or {}),
            "api": sandbox.api.model_copy(update=api or {}),
        }
    )
    return synthesise("sandbox", catalogue.model_copy(update={"environments": (changed,)}))[
        "adept-sandbox-router"
    ]
