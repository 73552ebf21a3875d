"""The command line between `up` and the server process: written here, read here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from endpoints.local.model_source import LocalModels
from endpoints.local.settings import LocalSettings


@dataclass(frozen=True)
class ServerArguments:
    """What the server is told."""

    settings: LocalSettings
    models: LocalModels

    def to_command_line(self) -> list[str]:
        """What `parse` reads back. The backend is in `models` by now."""
        hub = ["--hub", self.settings.hub_url] if self.settings.hub_url else []
        return [
            *("--home", str(self.settings.home)),
            *("--port", str(self.settings.port)),
            *("--region", self.settings.region),
            *("--time-scale", str(self.settings.time_scale)),
            *("--models", self.models.to_json()),
            *hub,
        ]


def parse(arguments: Sequence[str] | None = None) -> ServerArguments:
    """The process's own command line when `arguments` is None."""
    parser = argparse.ArgumentParser(prog="python -m endpoints.local.server", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="directory for state and logs")
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    parser.add_argument("--region", required=True, help="the region that everything is in")
    parser.add_argument("--time-scale", type=float, default=1.0, help="times faster than on AWS")
    parser.add_argument("--models", required=True, help="LocalModels, as to_json() writes it")
    parser.add_argument("--hub", help="another Hub than the local one")
    options = parser.parse_args(arguments)
    return ServerArguments(
        LocalSettings(
            home=options.home,
            port=options.port,
            region=options.region,
            time_scale=options.time_scale,
            hub_url=options.hub,
        ),
        LocalModels.from_json(options.models),
    )
