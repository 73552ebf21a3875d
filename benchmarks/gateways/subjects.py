"""What is compared: nothing in between, this router, Portkey's gateway and LiteLLM's proxy.

Each gets the same chat request. What they do with it is not the same:

    router   signs for SageMaker (SigV4), limits, candidates with fall-over, circuit breakers, checks that answers are
             complete, writes a log line per request
    litellm  signs for SageMaker (its sagemaker_chat provider), checks its master key, counts costs
    portkey  passes on to an OpenAI server, for which it has the least to do: it does not sign
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateways.installs import install_litellm, install_portkey, litellm_command, portkey_command

_USE_CASE = "query-enhancement"
_PROMPT = "We are looking for a senior engineer who knows the cloud and likes people. " * 12
AWS_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDBENCHMARK",
    "AWS_SECRET_ACCESS_KEY": "benchmark",  # nothing checks it  # pragma: allowlist secret
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",  # Lambda sets both; boto3 reads this one
}


@dataclass(frozen=True)
class Subject:
    """A gateway. `command` and `environ` start it on a port in front of an upstream's port; None: there is none."""

    name: str
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)
    command: Callable[[int, int, Path], Sequence[str]] | None = None
    environ: Callable[[int, int, Path], Mapping[str, str]] = lambda *_: {}
    upstream_header: str | None = None  # a header that names the upstream in each request
    install: Callable[[], None] = lambda: None

    def request(self, upstream_port: int, *, stream: bool) -> str:
        """The bytes of the request, as text."""
        document = {
            "model": _USE_CASE,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": _PROMPT}],
            "max_tokens": 64,
            "stream": stream,
        }
        body = json.dumps(document)
        headers = {"host": "benchmark", "content-type": "application/json", **self.headers}
        if self.upstream_header is not None:
            headers[self.upstream_header] = f"http://127.0.0.1:{upstream_port}/v1"
        lines = [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([f"POST {self.path} HTTP/1.1", *lines, f"content-length: {len(body)}", "", body])


def expected_end(*, stream: bool) -> str:
    """What a complete answer holds at its end."""
    return "data: [DONE]" if stream else '"usage"'


def _route_table() -> str:
    from endpoints.catalogue import load_catalogue
    from endpoints.route_table import render_route_table

    catalogue = load_catalogue()
    return json.dumps(render_route_table(catalogue, catalogue.environment("production")))


def router_environ(port: int, upstream: int, folder: Path) -> Mapping[str, str]:
    """What the router needs to listen on `port` before `upstream`; its table is put into `folder`."""
    table = folder / "route_table.json"
    table.write_text(_route_table())
    return {
        **AWS_KEYS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{upstream}",
        "PORT": str(port),
        "ROUTE_TABLE_PATH": str(table),
    }


# LiteLLM

_MASTER_KEY = "sk-" + secrets.token_hex(32)
LITELLM_HEADERS = {"authorization": f"Bearer {_MASTER_KEY}"}
LITELLM_ENVIRON = {
    "LITELLM_MASTER_KEY": _MASTER_KEY,
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
}


def _litellm_command(port: int, upstream: int, folder: Path) -> Sequence[str]:
    parameters = {
        "model": "sagemaker_chat/adept-benchmark",
        "sagemaker_base_url": f"http://127.0.0.1:{upstream}/endpoints/adept-benchmark/invocations",
        "aws_access_key_id": AWS_KEYS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": AWS_KEYS["AWS_SECRET_ACCESS_KEY"],
        "aws_region_name": AWS_KEYS["AWS_REGION"],
    }
    config = folder / "litellm.yaml"  # JSON is YAML
    config.write_text(json.dumps({"model_list": [{"model_name": _USE_CASE, "litellm_params": parameters}]}))
    return litellm_command(port, config)


DIRECT = Subject(
    "direct", path=f"/endpoints/{_USE_CASE}/invocations", headers={"authorization": "AWS4-HMAC-SHA256 "}
)
ROUTER = Subject(
    "router",
    command=lambda *_: [sys.executable, "-m", "lambdas.router"],
    environ=router_environ,
)
PORTKEY = Subject(
    "portkey",
    headers={"authorization": "Bearer benchmark", "x-portkey-provider": "openai"},
    upstream_header="x-portkey-custom-host",
    command=lambda port, *_: portkey_command(port),
    install=install_portkey,
)
LITELLM = Subject(
    "litellm",
    headers=LITELLM_HEADERS,
    command=_litellm_command,
    environ=lambda *_: LITELLM_ENVIRON,
    install=install_litellm,
)
SUBJECTS = (DIRECT, ROUTER, PORTKEY, LITELLM)


def by_name(names: str) -> list[Subject]:
    """The subjects of a comma-separated list, `direct` always among them. Ends the program for an unknown name."""
    wanted = set(names.split(",")) | {"direct"}
    unknown = wanted - {subject.name for subject in SUBJECTS}
    if unknown:
        sys.exit(
            f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(each.name for each in SUBJECTS)}"
        )
    return [subject for subject in SUBJECTS if subject.name in wanted]
