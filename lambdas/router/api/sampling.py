"""What chat and text completions have in common: how tokens are chosen, how many, when to stop, and streaming.

Engines: TGI 3.3 (router/src/lib.rs, router/src/validation.rs), vLLM 0.29 (vllm/entrypoints/openai/*/protocol.py).
TGI takes `n`, `logit_bias` and `presence_penalty` for their names' sake: the first two it passes over, the third it
adds to 2.0 and uses as a repetition penalty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdas.router.api.unsupported import unsupported
from lambdas.router.errors import ApiError, bad_request
from lambdas.router.fields import check_number, flag, obj, whole_number, without_nulls
from lambdas.router.route_table import Candidate, Engine, Limits

_RANGES = {"temperature": (0, 2), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
_CHECKED = frozenset((*_RANGES, "top_p", "seed", "logit_bias", "store"))
_MAX_COMPLETIONS = 128  # OpenAI's own limit; each may cost the use case's whole `max_output_tokens`
_MAX_STOPS = 4  # OpenAI's own limit, and TGI's
_INT64 = 2**63
# Read here and rendered anew. TGI would take `model` for the name of a LoRA adapter.
_READ = ("model", "max_tokens", "max_completion_tokens", "n", "stop", "stream", "stream_options")
# OpenAI's own, without a meaning for a model that runs here: who asked, how the service is to bill, keep or hurry.
_IGNORED = (
    *("user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
    *("store", "prediction", "verbosity"),
)


class Sampling(NamedTuple):
    """The common part of a valid request. `fields` are the caller's own for the engine, known to the router or not."""

    max_tokens: int
    completions: int
    stop: list[str]
    stream: bool
    include_usage: bool
    fields: dict[str, Any]

    def refusal(self, candidate: Candidate) -> ApiError | None:
        """Why the candidate's engine cannot do this, None where it can."""
        if candidate.engine is not Engine.TGI:
            return None
        fields = self.fields
        if self.completions > 1:
            return unsupported(candidate, "n", "gives one completion per request")
        if fields.get("logit_bias"):
            return unsupported(candidate, "logit_bias", "cannot change the likelihood of single tokens")
        if fields.get("presence_penalty"):
            return unsupported(
                candidate, "presence_penalty", "has none (frequency_penalty works, and takes -2 to 2)"
            )
        if (fields.get("seed") or 0) < 0:
            return unsupported(candidate, "seed", "takes none below 0")
        return None

    def rendered(self, candidate: Candidate) -> dict[str, Any]:
        """These fields as the candidate's engine takes them."""
        body = {**self.fields, "max_tokens": self._fitting(candidate)}
        if self.stop:
            body["stop"] = self.stop
        if self.stream:
            body["stream"] = True
        if candidate.engine is Engine.TGI:
            body.pop("presence_penalty", None)  # 0 means "off"; TGI would make a penalty of it
            body.pop("logit_bias", None)
            if body.get("top_p") == 1:
                del body["top_p"]  # it means "off", OpenAI's default; TGI refuses it
        elif self.completions > 1:
            body["n"] = self.completions
        return body

    def _fitting(self, candidate: Candidate) -> int:
        return min(self.max_tokens, candidate.max_total_tokens - 1)  # at least one token of input


def parse_sampling(body: Mapping[str, Any], limits: Limits, own: frozenset[str]) -> Sampling:
    """Check the common fields. `own` are those that the schema reads itself. Raises a 400 `ApiError`."""
    _check_fields(body)
    stream = flag(body, "stream")
    return Sampling(
        max_tokens=_max_tokens(body, limits.max_output_tokens),
        completions=whole_number(body, "n", least=1, most=_MAX_COMPLETIONS) or 1,
        stop=_stop(body.get("stop")),
        stream=stream,
        include_usage=_include_usage(body, stream=stream),
        fields=without_nulls(body, own),
    )


def own_fields(*names: str) -> frozenset[str]:
    """`names`, and what is never sent on as it came."""
    return frozenset((*names, *_READ, *_IGNORED))


def _check_fields(body: Mapping[str, Any]) -> None:
    if _CHECKED.isdisjoint(body):
        return
    for name, (least, most) in _RANGES.items():
        check_number(body, name, least=least, most=most)
    check_number(body, "top_p", least=0, most=1)
    if body.get("top_p") == 0:  # both engines refuse it; that it means "greedy" is temperature's to say
        raise bad_request("top_p must be above 0; temperature 0 chooses the likeliest token.", param="top_p")
    whole_number(body, "seed", least=-_INT64, most=_INT64 - 1)
    obj(body, "logit_bias")
    if body.get("store") is True:
        raise bad_request("store is not possible: answers are not kept.", param="store")


def _max_tokens(body: Mapping[str, Any], most: int) -> int:
    old = whole_number(body, "max_tokens", least=1, most=most)
    new = whole_number(body, "max_completion_tokens", least=1, most=most)
    if old is not None and new is not None and old != new:
        raise bad_request(
            "max_tokens and max_completion_tokens differ; give one.", param="max_completion_tokens"
        )
    given = new if old is None else old
    return most if given is None else given


def _stop(given: object) -> list[str]:
    """As a list: TGI takes no single text."""
    if given is None:
        return []
    stops = [given] if isinstance(given, str) else given
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise bad_request("stop must be a text that is not empty, or a list of such texts.", param="stop")
    if len(stops) > _MAX_STOPS:
        raise bad_request(f"stop has {len(stops)} entries; at most {_MAX_STOPS} are taken.", param="stop")
    return stops


def _include_usage(body: Mapping[str, Any], *, stream: bool) -> bool:
    options = obj(body, "stream_options")
    if options is None:
        return False
    if not stream:
        raise bad_request("stream_options is for streamed answers: give stream true.", param="stream_options")
    given = options.get("include_usage")
    if given is not None and not isinstance(given, bool):
        raise bad_request(
            "stream_options.include_usage must be true or false.", param="stream_options.include_usage"
        )
    return bool(given)
