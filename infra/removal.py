"""What happens to data when its stack is deleted."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from endpoints.catalogue import Environment


def removal_policy(environment: Environment) -> RemovalPolicy:
    """Retained where the environment says so, gone with its stack elsewhere."""
    return RemovalPolicy.RETAIN if environment.retain_data else RemovalPolicy.DESTROY
