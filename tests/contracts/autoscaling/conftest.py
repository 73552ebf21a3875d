"""The same running services as the SageMaker tests use."""

from tests.contracts.sagemaker.conftest import (
    autoscaling,
    clients,
    host,
    sagemaker,
    stage,
    timeouts,
)

__all__ = ["autoscaling", "clients", "host", "sagemaker", "stage", "timeouts"]
