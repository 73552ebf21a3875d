"""An embedded Application Auto Scaling for the variants of the embedded SageMaker."""

from endpoints.local.autoscaling.service import ApplicationAutoScaling

__all__ = ["ApplicationAutoScaling"]
