"""The Lambda Web Adapter: what makes the router's HTTP server a Lambda function whose answers stream.

AWS publishes it as a layer (https://github.com/aws/aws-lambda-web-adapter). Lambda starts the adapter as an extension
and, through `/opt/bootstrap`, the function's handler as a program; the adapter waits until the program is ready and
hands each invocation to it as an HTTP request.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

RUN_SCRIPT: Final = "run.sh"
"""The handler: a program at the root of the bundle."""

# Version 30 of both layers is adapter 1.1.0, the first that takes part in SnapStart. Layers are regional and, but for
# China, in one account: docs/guide/src/getting-started/zip-packages.md of the adapter's repository.
_ACCOUNT: Final = "753240598075"
_VERSION: Final = 30
_NAMES: Final = {"arm64": "LambdaAdapterLayerArm64", "x86_64": "LambdaAdapterLayerX86"}
_PORT: Final = 8080
_READINESS_PATH: Final = "/health"
_RESTORED_PATH: Final = "/_snapstart/restored"


def web_adapter_layer(scope: Construct, architecture: str) -> lambda_.ILayerVersion:
    """The adapter for "arm64" or "x86_64" in the stack's region."""
    stack = Stack.of(scope)
    arn = f"arn:{stack.partition}:lambda:{stack.region}:{_ACCOUNT}:layer:{_NAMES[architecture]}:{_VERSION}"
    return lambda_.LayerVersion.from_layer_version_arn(scope, "WebAdapter", arn)


def web_adapter_environment() -> dict[str, str]:
    """What tells Lambda to start the adapter, and the adapter what to do."""
    return {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
        "AWS_LWA_INVOKE_MODE": "response_stream",
        "AWS_LWA_READINESS_CHECK_PATH": _READINESS_PATH,
        # Any answer means that it is up: with an invalid route table it says so to every caller, 503.
        "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS": "200-599",
        # Connections of a snapshot are dead, and its random numbers are everybody's. Without SnapStart nobody calls
        # it, but only where it is named does the adapter keep callers from it.
        "AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH": _RESTORED_PATH,
        "PORT": str(_PORT),
    }
