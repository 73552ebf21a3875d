"""What the files say about each other: a candidate's model, weights, instance and engine must go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from endpoints.catalogue.catalogue import suggest
from endpoints.catalogue.faults import Fault, shown
from endpoints.catalogue.schema import (
    Candidate,
    CandidateRole,
    Container,
    Engine,
    InstanceFacts,
    ModelFacts,
    Quantisation,
    Support,
    UseCase,
)


@dataclass(frozen=True)
class Known:
    """What candidates may refer to. The value is None where an entry exists but is itself faulty."""

    models: Mapping[str, ModelFacts | None]
    instances: Mapping[str, InstanceFacts | None]
    containers: Mapping[str, Container | None]


Problem = tuple[str, object, str]
"""Field, what was got, what is allowed."""


def candidate_faults(file: str, path: str, candidate: Candidate, known: Known) -> list[Fault]:
    """Every reference of one candidate that leads nowhere or to something that does not go with the rest."""
    problems = (problem for check in _CHECKS for problem in check(candidate, known))
    return [Fault(file, f"{path}.{field}", shown(got), allowed) for field, got, allowed in problems]


def _names_exist(candidate: Candidate, known: Known) -> Iterator[Problem]:
    names: Iterable[tuple[str, str, Mapping[str, object]]] = (
        ("model_id", candidate.model_id, known.models),
        ("weights_id", candidate.weights_id, known.models),
        ("instance_type", candidate.instance_type, known.instances),
        ("engine", candidate.engine.value, known.containers),
    )
    for field, name, index in names:
        if name not in index:
            yield field, name, f"an entry of the catalogue. {suggest(name, index)}"


def _model_is_named_canonically(candidate: Candidate, known: Known) -> Iterator[Problem]:
    model = known.models.get(candidate.model_id)
    if model and candidate.model_id != model.canonical_id:
        yield "model_id", candidate.model_id, f"the canonical id {model.canonical_id!r}"


def _weights_are_of_the_model(candidate: Candidate, known: Known) -> Iterator[Problem]:
    weights = known.models.get(candidate.weights_id)
    if weights and candidate.model_id not in (weights.canonical_id, weights.quantised_form_of):
        yield "weights_id", candidate.weights_id, f"{candidate.model_id!r} or a quantised form of it"


def _revision_is_the_pin(candidate: Candidate, known: Known) -> Iterator[Problem]:
    weights = known.models.get(candidate.weights_id)
    if weights and candidate.revision != weights.revision.sha:
        yield "revision", candidate.revision, f"the commit pinned in models.yaml, {weights.revision.sha}"


def _quantisation_is_that_of_the_weights(candidate: Candidate, known: Known) -> Iterator[Problem]:
    weights = known.models.get(candidate.weights_id)
    if weights is None:
        return
    if weights.quantisation is None:
        allowed = {choice for choice in Quantisation if not choice.stored}
    else:
        allowed = {weights.quantisation.choice or Quantisation.NONE}
    if candidate.quantisation not in allowed:
        yield "quantisation", candidate.quantisation.value, f"{', '.join(sorted(allowed))} with these weights"


def _engine_serves_the_weights(candidate: Candidate, known: Known) -> Iterator[Problem]:
    weights = known.models.get(candidate.weights_id)
    if weights is None or weights.support(candidate.engine).level is Support.NATIVE:
        return
    native = [engine.value for engine in Engine if weights.support(engine).level is Support.NATIVE]
    yield (
        "engine",
        candidate.engine.value,
        f"an engine that serves it: {', '.join(native) or 'none is known'}",
    )


def _engine_knows_the_quantisation(candidate: Candidate, _known: Known) -> Iterator[Problem]:
    if candidate.engine is Engine.VLLM and candidate.quantisation is Quantisation.EETQ:
        yield (
            "quantisation",
            candidate.quantisation.value,
            "anything but eetq with vllm: only tgi has its kernels",
        )


def _instance_has_the_gpus(candidate: Candidate, known: Known) -> Iterator[Problem]:
    instance = known.instances.get(candidate.instance_type)
    if instance and candidate.gpu_count > instance.gpu_count:
        yield "gpu_count", candidate.gpu_count, f"1 to {instance.gpu_count} on {instance.instance_type}"


def _heads_divide_among_the_gpus(candidate: Candidate, known: Known) -> Iterator[Problem]:
    weights = known.models.get(candidate.weights_id)
    heads = weights.architecture.attention_heads if weights else None
    if heads and heads % candidate.gpu_count:
        yield "gpu_count", candidate.gpu_count, f"a divisor of the model's {heads} attention heads"


def _tokens_fit_the_context(candidate: Candidate, known: Known) -> Iterator[Problem]:
    weights = known.models.get(candidate.weights_id)
    context = weights.architecture.context_tokens if weights else None
    if context and candidate.max_total_tokens > context:
        yield "max_total_tokens", candidate.max_total_tokens, f"at most {context}, the model's context"


def _fallbacks_have_the_same_cards(candidate: Candidate, known: Known) -> Iterator[Problem]:
    first = known.instances.get(candidate.instance_type)
    for name in candidate.fallback_instance_types:
        other = known.instances.get(name)
        if other is None:
            yield "fallback_instance_types", name, f"an instance type. {suggest(name, known.instances)}"
        elif first and (other.gpu.name != first.gpu.name or other.gpu_count < first.gpu_count):
            # Another card has other memory and another speed: what was sized and measured no longer holds.
            allowed = f"an instance with at least {first.gpu_count} x {first.gpu.name}"
            yield "fallback_instance_types", name, allowed


def borrowing_faults(
    file: str, path: str, use_case: UseCase, candidate: Candidate, use_cases: Mapping[str, UseCase]
) -> list[Fault]:
    """A borrowed candidate must run, exactly so, on its lender's endpoint."""
    if candidate.borrowed_from is None:
        return []
    lender = use_cases.get(candidate.borrowed_from)
    lent = next((c for c in lender.candidates if c.role is candidate.role), None) if lender else None
    if candidate.role is CandidateRole.PRIMARY or candidate.borrowed_from == use_case.id:
        allowed = "another use case's alternative: a primary is never borrowed"
    elif lender is None:
        allowed = f"a use case. {suggest(candidate.borrowed_from, use_cases)}"
    elif lent is None or lent.borrowed_from is not None:
        allowed = f"a use case with a {candidate.role} of its own"
    elif _what_runs(lent) != _what_runs(candidate):
        differing = [name for name, value in _what_runs(lent).items() if _what_runs(candidate)[name] != value]
        allowed = f"a use case whose {candidate.role} has the same {', '.join(differing)}"
    else:
        return []
    return [Fault(file, f"{path}.borrowed_from", shown(candidate.borrowed_from), allowed)]


def _what_runs(candidate: Candidate) -> dict[str, object]:
    """Everything that decides what a container does."""
    return candidate.model_dump(exclude={"priority", "when", "borrowed_from"})


_CHECKS: tuple[Callable[[Candidate, Known], Iterator[Problem]], ...] = (
    _names_exist,
    _model_is_named_canonically,
    _weights_are_of_the_model,
    _revision_is_the_pin,
    _quantisation_is_that_of_the_weights,
    _engine_serves_the_weights,
    _engine_knows_the_quantisation,
    _instance_has_the_gpus,
    _heads_divide_among_the_gpus,
    _tokens_fit_the_context,
    _fallbacks_have_the_same_cards,
)
