"""LiteLLM's proxy: a model group for each candidate, and fallbacks from the primary's to the alternative's.

https://docs.litellm.ai/docs/proxy/reliability (fallbacks, retries, cooldowns), /docs/proxy/timeout (timeout: the whole
answer, stream_timeout: the first chunk), /docs/routing (retry_policy and allowed_fails_policy by kind of error).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faulty.case import Case, Role
from benchmarks.faulty.gateways.gateway import ATTEMPT_S, Gateway, Served
from benchmarks.faulty.judge import DEADLINE_S
from benchmarks.faulty.upstream import ROLES, Candidates, place
from benchmarks.faulty.wire import Wire
from benchmarks.gateways.installs import install_litellm, litellm_command, litellm_version
from benchmarks.gateways.processes import free_port, running
from benchmarks.gateways.subjects import AWS_KEYS, LITELLM_ENVIRON, LITELLM_HEADERS

_FAILS = 3  # and one more opens; the router's breaker opens with four
_ALLOWED = {
    "InternalServerErrorAllowedFails": _FAILS,
    "ServiceUnavailableErrorAllowedFails": _FAILS,
    "TimeoutErrorAllowedFails": _FAILS,
    "RateLimitErrorAllowedFails": _FAILS,
}
_ATTEMPT = {"timeout": ATTEMPT_S, "stream_timeout": ATTEMPT_S}
_ROUTER = {
    "timeout": DEADLINE_S,
    "num_retries": 1,
    "retry_policy": {
        "TimeoutErrorRetries": 0,  # a second one does not fit into the deadline
        "RateLimitErrorRetries": 0,  # there is an alternative
        "InternalServerErrorRetries": 0,  # likewise, and a repetition waits for a second
        "BadRequestErrorRetries": 0,
    },
    "allowed_fails_policy": _ALLOWED,
    "cooldown_time": 30,  # also the time in which failures are counted
}
_PROXY = {"request_timeout": ATTEMPT_S}
# A container's failure, whatever it is, comes from SageMaker as a 424, which LiteLLM takes for a bad request.
_ON_SAGEMAKER = {"allowed_fails_policy": {**_ALLOWED, "BadRequestErrorAllowedFails": _FAILS}}
_Deployment = Callable[[Case, Role, Candidates], Mapping[str, object]]


def _on_sagemaker(case: Case, role: Role, candidates: Candidates) -> Mapping[str, object]:
    runtime = candidates.nowhere if role in case.refused else candidates.runtime.url
    endpoint = f"{place('litellm', case)}--{role}"
    operation = "invocations-response-stream" if case.streamed else "invocations"
    return {
        "model": f"sagemaker_chat/{endpoint}",
        "sagemaker_base_url": f"{runtime}/endpoints/{endpoint}/{operation}",
        "aws_access_key_id": AWS_KEYS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": AWS_KEYS["AWS_SECRET_ACCESS_KEY"],
        "aws_region_name": AWS_KEYS["AWS_REGION"],
    }


def _on_openai(case: Case, role: Role, candidates: Candidates) -> Mapping[str, object]:
    base = f"{candidates.server(case, role)}/{place('litellm-openai', case)}/v1"
    return {"model": "openai/m", "api_base": base, "api_key": "none"}  # pragma: allowlist secret


def _group(case: Case, role: Role) -> str:
    return case.key if role == "primary" else f"{case.key}--alternative"


def _config(
    cases: Sequence[Case], candidates: Candidates, deployment: _Deployment, model_info: Mapping[str, object]
) -> Mapping[str, object]:
    models = [
        {
            "model_name": _group(case, role),
            "litellm_params": {**deployment(case, role, candidates), **_ATTEMPT},
            "model_info": model_info,
        }
        for case in cases
        for role in ROLES
    ]
    fallbacks = [{_group(case, "primary"): [_group(case, "alternative")]} for case in cases]
    return {
        "model_list": models,
        "router_settings": {**_ROUTER, "fallbacks": fallbacks, "context_window_fallbacks": fallbacks},
        "litellm_settings": _PROXY,
    }


def _gateway(name: str, wire: Wire, deployment: _Deployment, model_info: Mapping[str, object]) -> Gateway:
    @contextmanager
    def serve(cases: Sequence[Case], candidates: Candidates, folder: Path) -> Iterator[Served]:
        config = folder / f"{name}.yaml"  # JSON is YAML
        config.write_text(json.dumps(_config(cases, candidates, deployment, model_info)))
        port = free_port()
        with running(litellm_command(port, config), LITELLM_ENVIRON, folder / f"{name}.log"):
            yield Served(lambda _: port, headers_of=lambda _: LITELLM_HEADERS)

    settings = {
        "litellm_params": _ATTEMPT,
        "model_info": model_info,
        "router_settings": _ROUTER,
        "litellm_settings": _PROXY,
    }
    return Gateway(name, litellm_version, wire, settings, serve, install_litellm)


LITELLM = _gateway("litellm", Wire.SAGEMAKER, _on_sagemaker, _ON_SAGEMAKER)
LITELLM_OPENAI = _gateway("litellm-openai", Wire.OPENAI, _on_openai, {})
