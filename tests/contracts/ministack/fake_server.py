"""The real server process over containers that only echo.

A container whose environment says `FAIL` is refused, one with `SLOW` takes that many seconds, and one with `NEEDS` is
healthy while that file is there.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from endpoints.errors import ContainerFailed
from endpoints.local.containers import ContainerSpec, RunningContainer
from endpoints.local.embedded_aws import serve
from endpoints.local.server_arguments import parse
from tests.support.containers import Call, FakeHost, fake_host


class EchoHost(FakeHost):
    """Does as the containers' environments say."""

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:
        if "FAIL" in spec.environment:
            raise ContainerFailed(f"the model of {spec.variant_name} said: {spec.environment['FAIL']}")
        time.sleep(float(spec.environment.get("SLOW", 0)))
        return super().start(spec, timeout_s=timeout_s)

    def is_healthy(self, container_id: str) -> bool:
        spec = self.running.get(container_id)
        needs = spec.environment.get("NEEDS") if spec else None
        return super().is_healthy(container_id) and (needs is None or Path(needs).exists())


def echo(call: Call) -> None:
    """Answers with the container that was asked, so that it can be seen which one it was."""
    document = {"container": call.container_id, "body": call.body.decode()}
    call.answer(json.dumps(document).encode(), headers={"Content-Type": "application/json"})


def main() -> int:
    with fake_host(EchoHost) as host:
        host.behaviour = echo
        given = parse()
        serve(given.settings, lambda: host, given.models)
    return 0


if __name__ == "__main__":
    sys.exit(main())
