"""The errors by which the runtime reports what a container did, worded as SageMaker words them."""

from __future__ import annotations

from dataclasses import dataclass

from endpoints.local.protocol import ServiceError

_CONTAINER = "primary"  # SageMaker's name for the container of a model that has one
_MODEL_ERROR_STATUS = 424
_TIMED_OUT = (
    f"Your invocation timed out while waiting for a response from container {_CONTAINER}. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
_UNREACHABLE = (
    f"The connection to container {_CONTAINER} was refused or closed before it answered. The container may have "
    "stopped; see its log."
)


@dataclass(frozen=True)
class ModelErrors:
    """Makes ModelErrors of one endpoint's containers."""

    account: str
    region: str
    endpoint_name: str

    def answered(self, status: int, body: bytes) -> ServiceError:
        """The container answered with a status that is no success."""
        return self._error(status, body.decode("utf-8", "replace"))

    def timed_out(self) -> ServiceError:
        """The container did not answer in the time that InvokeEndpoint gives it."""
        return self._error(0, _TIMED_OUT)

    def unreachable(self) -> ServiceError:
        """There was nobody at the container's address, or the connection broke before an answer."""
        return self._error(0, _UNREACHABLE)

    def _error(self, status: int, original: str) -> ServiceError:
        side, code = ("client", "CLIENT") if 400 <= status < 500 else ("server", "INTERNAL_FAILURE")
        group = f"/aws/sagemaker/Endpoints/{self.endpoint_name}"
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        message = (
            f'Received {side} error ({status}) from {_CONTAINER} with message "{original}". '
            f"See {console}#logEventViewer:group={group} in account {self.account} for more information."
        )
        return ServiceError(
            "ModelError",
            message,
            _MODEL_ERROR_STATUS,
            ErrorCode="CLIENT_ERROR_FROM_MODEL" if code == "CLIENT" else "INTERNAL_FAILURE_FROM_MODEL",
            OriginalStatusCode=status,
            OriginalMessage=original,
            LogStreamArn=f"arn:aws:logs:{self.region}:{self.account}:log-group:{group}",
        )
