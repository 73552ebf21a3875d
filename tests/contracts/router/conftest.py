"""The embedded SageMaker of its own contract tests, for the router to run against."""

from __future__ import annotations

from tests.contracts.sagemaker.conftest import autoscaling, boto_clients, clients, host, listener, sagemaker

__all__ = ["autoscaling", "boto_clients", "clients", "host", "listener", "sagemaker"]
