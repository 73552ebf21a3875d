"""Tags for cost allocation."""

from __future__ import annotations

from aws_cdk import Tags
from constructs import IConstruct

# The CDK knows tags for these, cfn-lint's copy of CloudFormation's schema does not yet; they cost nothing anyway.
_UNTAGGED = ["AWS::ApplicationAutoScaling::ScalableTarget"]


ENVIRONMENT_TAG = "adept:environment"
"""What the budget counts by."""


def tag(scope: IConstruct, key: str, value: str) -> None:
    """Tag everything below `scope` with `adept:<key>`."""
    Tags.of(scope).add(f"adept:{key}", value, exclude_resource_types=_UNTAGGED)
