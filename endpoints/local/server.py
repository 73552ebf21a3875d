"""The process of the embedded AWS.

`python -m endpoints.local.server --home DIR --port N --models JSON` is what `adept local up` starts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from endpoints.local.embedded_aws import serve
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.model_source import ModelSource
from endpoints.local.settings import DEFAULT_PORT, DEFAULT_REGION, LocalSettings


@dataclass(frozen=True)
class ServerArguments:
    """What the command line says. `models` is keyed by variant name."""

    settings: LocalSettings
    models: Mapping[str, ModelSource]


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; the exit status is uvicorn's."""
    given = parse(arguments)
    settings = given.settings
    serve(
        settings,
        lambda: LocalContainerHost(
            given.models, state_dir=settings.home / "containers", log_dir=settings.log_dir
        ),
    )
    return 0


def parse(arguments: list[str] | None = None) -> ServerArguments:
    """The command line, checked."""
    parser = argparse.ArgumentParser(prog="python -m endpoints.local.server", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="directory for state and logs")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="loopback port")
    parser.add_argument("--region", default=DEFAULT_REGION, help="the region that everything is in")
    parser.add_argument("--models", required=True, help="JSON object: variant name to a ModelSource")
    options = parser.parse_args(arguments)
    return ServerArguments(
        LocalSettings(home=options.home, port=options.port, region=options.region),
        {role: ModelSource.from_json(text) for role, text in json.loads(options.models).items()},
    )


if __name__ == "__main__":
    sys.exit(main())
