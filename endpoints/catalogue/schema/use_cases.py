"""The language-model use cases: which models serve them, on what, how fast, and how far they scale."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from endpoints.catalogue.schema.base import (
    CommitSha,
    InstanceType,
    NonEmpty,
    Positive,
    Record,
    RepositoryId,
    UseCaseId,
)
from endpoints.catalogue.schema.choices import CandidateRole, Engine, KvCacheDtype, Quantisation
from endpoints.catalogue.schema.routing import Routing
from endpoints.errors import CatalogueError

RESERVED_USE_CASE_IDS = frozenset({"foundation", "operations", "router"})
"""Names of the stacks that are no use case's."""


class Candidate(Record):
    """One model that can serve a use case, and exactly what runs.

    `model_id` is the canonical id of what is meant; `weights_id` the repository whose bytes run at `revision`
    (a quantised form, or the same repository). `gpu_count` is the tensor parallel degree.
    `fallback_instance_types` are tried in order where an environment allows it and AWS has none of the first;
    `borrowed_from` names a use case whose endpoint already runs this very candidate, so that nobody pays twice.
    `tool_call_parser` is vLLM's name for how the model writes tool calls; without it the model calls a tool only when
    it is told to. TGI needs none.
    """

    priority: Positive
    role: CandidateRole
    model_id: RepositoryId
    weights_id: RepositoryId
    revision: CommitSha
    quantisation: Quantisation
    engine: Engine
    instance_type: InstanceType
    gpu_count: Positive
    max_input_tokens: Positive
    max_total_tokens: Positive
    max_batch_prefill_tokens: Positive | None = None
    gpu_memory_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    kv_cache_dtype: KvCacheDtype = KvCacheDtype.AUTO
    tool_call_parser: Annotated[str, Field(pattern=r"^[a-z0-9_.-]+$")] | None = None
    fallback_instance_types: Annotated[tuple[InstanceType, ...], Field(max_length=4)] = ()
    borrowed_from: UseCaseId | None = None
    when: NonEmpty

    @model_validator(mode="after")
    def _tokens_leave_room_for_an_answer(self) -> Self:
        if self.max_input_tokens >= self.max_total_tokens:
            raise ValueError(
                f"max_input_tokens below max_total_tokens: prompt and answer share the total "
                f"({self.max_input_tokens} >= {self.max_total_tokens})"
            )
        return self

    @model_validator(mode="after")
    def _parser_is_vllms(self) -> Self:
        if self.tool_call_parser is not None and self.engine is not Engine.VLLM:
            raise ValueError(f"tool_call_parser is vLLM's; {self.engine} calls tools without one")
        return self


class ScalingIntent(Record):
    """What one instance may carry, in requests at full length, and how much of it stays free for bursts.

    `burst_instances` are added at once when requests in flight exceed what the instances carry.
    """

    requests_in_flight_per_instance: Positive
    headroom_percent: Annotated[int, Field(ge=0, le=90)]
    scale_in_cooldown_s: Annotated[int, Field(ge=0, le=3600)]
    scale_out_cooldown_s: Annotated[int, Field(ge=0, le=3600)]
    burst_instances: Annotated[int, Field(ge=0, le=10)] = 1

    @property
    def bursts(self) -> tuple[tuple[float, int], ...]:
        """(Concurrent requests per instance, instances to add): past capacity, and at one and a half of it."""
        if self.burst_instances == 0:
            return ()
        full = float(self.requests_in_flight_per_instance)
        return ((full, self.burst_instances), (1.5 * full, 2 * self.burst_instances))

    @property
    def target_concurrency(self) -> float:
        """Concurrent requests per instance that a target tracking policy holds."""
        return self.requests_in_flight_per_instance * (100 - self.headroom_percent) / 100


class RequestLimits(Record):
    """What the router accepts. `timeout_ms` is the whole deadline, every attempt included."""

    max_body_bytes: Annotated[int, Field(gt=0, le=6 * 1024 * 1024)]  # a Lambda request body ends at 6 MiB
    max_messages: Positive
    max_output_tokens: Positive
    timeout_ms: Annotated[int, Field(gt=0, le=28_500)]  # API Gateway gives up on a buffered answer at 29 s


class UseCase(Record):
    """One use case: its candidates by priority (1 first), its targets and why they are what they are.

    `latency_target_ms` is the time to the first token at the target concurrency: a whole answer takes longer.
    """

    id: UseCaseId
    title: NonEmpty
    why: NonEmpty
    example_prompt: NonEmpty
    latency_target_ms: Positive
    candidates: Annotated[tuple[Candidate, ...], Field(min_length=1)]
    scaling: ScalingIntent
    limits: RequestLimits
    routing: Routing = Routing()

    @model_validator(mode="after")
    def _candidates_are_in_order(self) -> Self:
        if self.id in RESERVED_USE_CASE_IDS:
            raise ValueError(
                f"an id other than {', '.join(sorted(RESERVED_USE_CASE_IDS))}: stacks have these names"
            )
        priorities = [candidate.priority for candidate in self.candidates]
        if priorities != list(range(1, len(priorities) + 1)):
            raise ValueError(f"priorities 1 to {len(priorities)} in order, got {priorities}")
        roles = [candidate.role for candidate in self.candidates]
        if roles[0] is not CandidateRole.PRIMARY or len(set(roles)) != len(roles):
            raise ValueError(f"each role once, primary first; got {[str(role) for role in roles]}")
        unknown = sorted(self.routing.roles - set(roles))
        if unknown:
            raise ValueError(
                f"routing: only this use case's candidates ({', '.join(roles)}), got {', '.join(unknown)}"
            )
        return self

    def candidate(self, role: CandidateRole) -> Candidate:
        """The candidate with this role. Raises CatalogueError when the use case has none."""
        for candidate in self.candidates:
            if candidate.role is role:
                return candidate
        roles = ", ".join(candidate.role for candidate in self.candidates)
        raise CatalogueError(f"use case {self.id!r} has no {role} candidate", remedy=f"It has: {roles}.")
