"""The CDK app: read the environment's name from the context and build that environment's stacks."""

from __future__ import annotations

import sys

from aws_cdk import App

from endpoints.errors import AdeptError
from infra.environments import build_environment


def main() -> int:
    app = App()
    try:
        build_environment(app)
    except AdeptError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
