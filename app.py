"""The CDK app: read the environment's name from the context and build that environment's stacks."""

from __future__ import annotations

import sys

from endpoints.errors import AdeptError
from infra.environments import synthesise


def main() -> int:
    try:
        synthesise()
    except AdeptError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
