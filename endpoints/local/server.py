"""The process of the embedded AWS, started by `adept local up`: `python -m endpoints.local.server ...`."""

from __future__ import annotations

import sys

from endpoints.local.embedded_aws import serve
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.server_arguments import ServerArguments, parse
from endpoints.local.snapshots import StagedSnapshots


def main() -> int:
    """Serve until SIGTERM."""
    given = parse()
    serve(given.settings, lambda: _model_servers(given), given.models)
    return 0


def _model_servers(given: ServerArguments) -> LocalContainerHost:
    return LocalContainerHost(
        StagedSnapshots(given.settings),
        log_dir=given.settings.log_dir,
        backend=given.models.backend,
    )


if __name__ == "__main__":
    sys.exit(main())
