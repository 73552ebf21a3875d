"""The project's CDK app with one change to a use case's primary model, as an engineer would make it in a release.

ADEPT_E2E_CHANGE is JSON: {"stack": "adept-local-job-parsing", "environment": {"MAX_INPUT_TOKENS": "1024"}};
"environment" changes the container's, "instance_type" what the primary runs on; "primary_fleet" ([min, max]) and
"updates" (seconds) are the local environment's, for releases that need more than one instance, and so are its
"key_limits"; "breaker" (seconds) is every use case's.
"""

from __future__ import annotations

import json
import os
from typing import Any

from aws_cdk import App, Stack
from aws_cdk import aws_sagemaker as sagemaker

from endpoints.catalogue import (
    CandidateRole,
    Catalogue,
    FleetBounds,
    KeyLimits,
    UpdateSettings,
    UseCase,
    load_catalogue,
)
from endpoints.catalogue.schema.routing import BreakerSettings
from infra.environments import build_environment


def main() -> None:
    change = json.loads(os.environ["ADEPT_E2E_CHANGE"])
    app = App()
    stacks = build_environment(app, _catalogue(change))
    stack = next(stack for stack in stacks if stack.stack_name == change["stack"])
    for name, value in change.get("environment", {}).items():
        _primary_model(stack).add_property_override(f"PrimaryContainer.Environment.{name}", value)
    if "instance_type" in change:
        config = stack.node.find_child("Endpoint").node.find_child("Config")
        assert isinstance(config, sagemaker.CfnEndpointConfig)
        config.add_property_deletion_override("ProductionVariants.0.InstancePools")
        config.add_property_override("ProductionVariants.0.InstanceType", change["instance_type"])
    app.synth()


def _catalogue(change: dict[str, Any]) -> Catalogue:
    catalogue = load_catalogue()
    local = catalogue.environment("local")
    update: dict[str, Any] = {}
    if "primary_fleet" in change:
        low, high = change["primary_fleet"]
        update["instances"] = {**local.instances, CandidateRole.PRIMARY: FleetBounds(min=low, max=high)}
    if "updates" in change:
        update["updates"] = UpdateSettings(**change["updates"])
    if "key_limits" in change:
        limits = KeyLimits(**change["key_limits"])
        update["api"] = local.api.model_copy(update={"key_limits": limits})
    changed = local.model_copy(update=update)
    others = [environment for environment in catalogue.environments if environment is not local]
    use_cases = catalogue.use_cases
    if "breaker" in change:
        breaker = BreakerSettings(**change["breaker"])
        use_cases = tuple(_with_breaker(use_case, breaker) for use_case in use_cases)
    return catalogue.model_copy(update={"environments": (changed, *others), "use_cases": use_cases})


def _with_breaker(use_case: UseCase, breaker: BreakerSettings) -> UseCase:
    routing = use_case.routing.model_copy(update={"breaker": breaker})
    return use_case.model_copy(update={"routing": routing})


def _primary_model(stack: Stack) -> sagemaker.CfnModel:
    model = stack.node.find_child("Endpoint").node.find_child("Primary").node.find_child("Model")
    assert isinstance(model, sagemaker.CfnModel)
    return model


if __name__ == "__main__":
    main()
