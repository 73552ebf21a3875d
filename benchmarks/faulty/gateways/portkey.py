"""Portkey's gateway, in front of OpenAI servers: a config in each request.

https://portkey.ai/docs/product/ai-gateway: /fallbacks (strategy.on_status_codes), /automatic-retries,
/request-timeouts, /circuit-breaker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faulty.case import Case
from benchmarks.faulty.gateways.gateway import ATTEMPT_S, Gateway, Served
from benchmarks.faulty.upstream import ROLES, Candidates, place
from benchmarks.faulty.wire import Wire
from benchmarks.gateways.installs import install_portkey, portkey_command, portkey_version
from benchmarks.gateways.processes import free_port, running

_FALLS_OVER = [
    401,
    403,
    404,
    408,
    429,
    500,
    502,
    503,
    504,
    529,
]  # not 400, 413, 422: the caller's own mistakes
SETTINGS: Mapping[str, object] = {
    "strategy": {
        "mode": "fallback",
        "on_status_codes": _FALLS_OVER,
        # As documented; the gateway of the npm package takes it and does nothing with it.
        "cb_config": {"failure_threshold": 3, "cooldown_interval": 30_000},
    },
    # Not 429, which falls over at once: with it, and use_retry_after_header or not, the gateway is ok in 4 cases fewer.
    "retry": {"attempts": 1, "on_status_codes": [500, 502, 503]},
    "request_timeout": int(ATTEMPT_S * 1000),
}


def _config(case: Case, candidates: Candidates) -> str:
    targets = [
        {
            "provider": "openai",
            "api_key": "none",  # pragma: allowlist secret
            "custom_host": f"{candidates.server(case, role)}/{place('portkey', case)}/v1",
        }
        for role in ROLES
    ]
    return json.dumps({**SETTINGS, "targets": targets})


@contextmanager
def _serve(_cases: Sequence[Case], candidates: Candidates, folder: Path) -> Iterator[Served]:
    port = free_port()
    with running(portkey_command(port), {}, folder / "portkey.log"):
        yield Served(lambda _: port, headers_of=lambda case: {"x-portkey-config": _config(case, candidates)})


PORTKEY = Gateway("portkey", portkey_version, Wire.OPENAI, SETTINGS, _serve, install_portkey)
