"""What an environment's Lambda functions run on."""

from __future__ import annotations

from aws_cdk import aws_lambda as lambda_

from endpoints.catalogue import HOST, RouterSettings

ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


def runtime(settings: RouterSettings) -> lambda_.Runtime:
    """Python as `settings` name it."""
    # The embedded AWS runs functions in its own interpreter whatever the runtime's name is; this machine's
    # Python may be one that Lambda no longer offers.
    if settings.python == HOST:
        return lambda_.Runtime.PYTHON_3_14
    return lambda_.Runtime(
        f"python{settings.python}",
        lambda_.RuntimeFamily.PYTHON,
        supports_snap_start=settings.python != "3.11",
    )
