"""An embedded Amazon SageMaker: real-time endpoints, their control plane and their runtime.

What it does and does not do is listed in docs/embedded-sagemaker.md.
"""

from endpoints.local.protocol import ServiceError
from endpoints.local.sagemaker.service import SageMaker

__all__ = ["SageMaker", "ServiceError"]
