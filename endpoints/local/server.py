"""The process of the embedded AWS, started by `adept local up`: `python -m endpoints.local.server ...`."""

from __future__ import annotations

import sys

from endpoints.local.embedded_aws import serve
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.server_arguments import parse


def main() -> int:
    """Serve until SIGTERM."""
    given = parse()
    settings = given.settings
    serve(
        settings,
        lambda: LocalContainerHost(
            given.models, state_dir=settings.home / "containers", log_dir=settings.log_dir
        ),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
