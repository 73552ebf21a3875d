"""Envoy, in front of OpenAI servers: a cluster per case, in which the alternative has the lower priority.

https://www.envoyproxy.io/docs/envoy/v1.40.0/: api-v3/config/route/v3/route_components.proto (RetryPolicy),
api-v3/extensions/retry/priority/previous_priorities, intro/arch_overview/upstream/outlier, faq/configuration/timeouts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.faulty.case import Case
from benchmarks.faulty.gateways.gateway import ATTEMPT_S, Gateway, Served
from benchmarks.faulty.judge import DEADLINE_S
from benchmarks.faulty.upstream import ROLES, Candidates, place
from benchmarks.faulty.wire import Wire
from benchmarks.gateways.installs import ENVOY_PROGRAM, envoy_version, install_envoy
from benchmarks.gateways.processes import free_port, running

_TYPE = "type.googleapis.com/envoy.extensions."
_CASE = "x-case"
_PRIORITIES = "envoy.retry_priorities.previous_priorities"
SETTINGS: Mapping[str, object] = {
    "route": {
        "timeout": f"{DEADLINE_S:g}s",
        "retry_policy": {
            "retry_on": "5xx,reset,connect-failure,retriable-status-codes",
            "retriable_status_codes": [401, 403, 404, 408, 429],
            "num_retries": 3,  # primary, alternative, and each once more
            "per_try_idle_timeout": f"{ATTEMPT_S:g}s",
            "retry_back_off": {"base_interval": "0.1s", "max_interval": "2s"},
            "retry_priority": {
                "name": _PRIORITIES,
                "typed_config": {
                    "@type": f"{_TYPE}retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                    "update_frequency": 1,
                },
            },
        },
    },
    "cluster": {
        "connect_timeout": "1s",
        "outlier_detection": {
            "consecutive_5xx": 4,  # as the router's breaker
            "interval": "0.5s",
            "base_ejection_time": "5s",
            "max_ejection_percent": 100,
        },
    },
}


def _cluster(case: Case, candidates: Candidates) -> Mapping[str, object]:
    endpoints = []
    for priority, role in enumerate(ROLES):
        address = urlsplit(candidates.server(case, role))
        socket = {"address": address.hostname, "port_value": address.port}
        hosts = [{"endpoint": {"address": {"socket_address": socket}}}]
        endpoints.append({"priority": priority, "lb_endpoints": hosts})
    assignment = {"cluster_name": case.key, "endpoints": endpoints}
    return {**_part("cluster"), "name": case.key, "type": "STATIC", "load_assignment": assignment}


def _route(case: Case) -> Mapping[str, object]:
    is_case = {"name": _CASE, "string_match": {"exact": case.key}}
    rewritten = {"cluster": case.key, "prefix_rewrite": f"/{place('envoy', case)}/v1"}
    return {"match": {"prefix": "/v1", "headers": [is_case]}, "route": {**_part("route"), **rewritten}}


def _part(name: str) -> dict[str, object]:
    part = SETTINGS[name]
    assert isinstance(part, dict)
    return part


def _bootstrap(cases: Sequence[Case], candidates: Candidates, port: int) -> Mapping[str, object]:
    routes = [_route(case) for case in cases]
    hosts = [{"name": "all", "domains": ["*"], "routes": routes}]
    router = {"name": "router", "typed_config": {"@type": f"{_TYPE}filters.http.router.v3.Router"}}
    manager = {
        "@type": f"{_TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "faults",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [router],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    clusters = [_cluster(case, candidates) for case in cases]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


@contextmanager
def _serve(cases: Sequence[Case], candidates: Candidates, folder: Path) -> Iterator[Served]:
    port = free_port()
    bootstrap = folder / "envoy.json"
    bootstrap.write_text(json.dumps(_bootstrap(cases, candidates, port)))
    command = [str(ENVOY_PROGRAM), "-c", str(bootstrap), "--concurrency", "1", "--use-dynamic-base-id"]
    with running([*command, "--log-level", "warning"], {}, folder / "envoy.log"):
        yield Served(lambda _: port, headers_of=lambda case: {_CASE: case.key})


ENVOY = Gateway("envoy", envoy_version, Wire.OPENAI, SETTINGS, _serve, install_envoy)
