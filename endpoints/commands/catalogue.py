"""`adept models`, `adept use-cases`, `adept cost`: what the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from endpoints.catalogue import Engine, LicenceClass, ModelFacts, Support, UseCase, load_catalogue
from endpoints.catalogue.queries import ModelQuery, find_models, parameter_count, uses_of
from endpoints.commands.access import LOCAL
from endpoints.commands.output import JsonOption, console, print_json, print_table, say
from endpoints.sizing.cost import EnvironmentCost, hourly_cost

models = typer.Typer(help="Models: what they are, what they need, what one may do with them.")


@models.callback(invoke_without_command=True)
def list_models(
    context: typer.Context,
    licence: Annotated[LicenceClass | None, typer.Option("--licence", help="Class of licence.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="ISO 639 code: de, ko, ...")] = None,
    engine: Annotated[Engine | None, typer.Option("--engine", help="Served natively by.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Not gated on the Hub.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the models of the catalogue; options narrow the list."""
    if context.invoked_subcommand is not None:
        return
    query = ModelQuery(licence=licence, language=language, engine=engine, gated=False if open_only else None)
    found = find_models(load_catalogue(), query)
    if as_json:
        print_json([model.model_dump(mode="json") for model in found])
        return
    print_table(
        f"{len(found)} models",
        ("model", ">parameters", "licence", "gated", "languages", "served by"),
        [_model_row(model) for model in found],
    )


@models.command("show")
def show_model(
    model_id: Annotated[str, typer.Argument(help="As the Hub or the source documents write it.")],
    as_json: JsonOption = False,
) -> None:
    """Everything the catalogue knows about one model, with sources."""
    catalogue = load_catalogue()
    model = catalogue.model(model_id)
    if as_json:
        print_json(model.model_dump(mode="json"))
        return
    forms = ", ".join(form.canonical_id for form in catalogue.quantised_forms(model_id))
    uses = [f"{use_case.id} ({candidate.role})" for use_case, candidate in uses_of(catalogue, model_id)]
    print_table(
        model.canonical_id,
        ("fact", "value", "source"),
        [*_fact_rows(model), ("quantised forms", forms or None, ""), ("serves", ", ".join(uses) or None, "")],
    )
    for note in model.notes:
        say(f"· {note}")


def use_cases(as_json: JsonOption = False) -> None:
    """List the use cases with their candidates: what runs, where, and when to choose which."""
    catalogue = load_catalogue()
    if as_json:
        print_json([use_case.model_dump(mode="json") for use_case in catalogue.use_cases])
        return
    print_table(
        f"{len(catalogue.use_cases)} use cases",
        ("use case", ">target ms", "candidate", "model", "weights", "engine", "instance"),
        [row for use_case in catalogue.use_cases for row in _candidate_rows(use_case)],
    )
    for use_case in catalogue.use_cases:
        console.print(Text(use_case.id, style="bold"))
        for candidate in use_case.candidates:
            say(f"  {candidate.role}: {candidate.when}")


def cost(
    environment: Annotated[str | None, typer.Option("--env", help="One environment; default: all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What the endpoints of an environment cost per hour and month, from dated prices."""
    catalogue = load_catalogue()
    chosen = [catalogue.environment(environment)] if environment else catalogue.environments
    costs = [hourly_cost(catalogue, one) for one in chosen]
    if as_json:
        print_json([one.model_dump(mode="json") for one in costs])
        return
    print_table(
        "SageMaker instances, on demand, in USD: smallest fleet to largest fleet",
        ("environment", "region", "use case", "instances", ">per hour", ">per month"),
        [row for one in costs for row in _cost_rows(one)],
    )
    dates = sorted({str(one.oldest_price) for one in costs if one.oldest_price})
    say(f"Prices as of {', '.join(dates) or 'no known date'} at the oldest.")
    if LOCAL in {one.environment for one in costs}:
        say("The local environment costs nothing: its rows are what the same fleets would cost.")


def _model_row(model: ModelFacts) -> tuple[object, ...]:
    return (
        model.canonical_id,
        _billions(parameter_count(model)),
        model.licence.id,
        _yes_no(model.licence.gated),
        _languages(model),
        ", ".join(engine for engine in Engine if model.support(engine).level is Support.NATIVE) or None,
    )


def _fact_rows(model: ModelFacts) -> Iterable[tuple[object, ...]]:
    architecture, parameters = model.architecture, model.parameters
    yield "also known as", ", ".join(model.names[1:]) or None, ""
    yield "commit", model.revision.sha, model.revision.source
    yield "architecture", ", ".join(architecture.classes), architecture.source
    yield "parameters", _billions(parameter_count(model)), parameters.source
    yield "active per token", _billions(parameters.active), parameters.source
    yield "16-bit weights, GB", parameters.weights_gb_16bit, parameters.source
    yield "context, tokens", architecture.context_tokens, architecture.source
    yield "KV cache, bytes/token", architecture.kv_bytes_per_token_16bit, architecture.source
    yield "licence", f"{model.licence.id} ({model.licence.kind})", model.licence.source
    yield "gated", _yes_no(model.licence.gated), model.licence.gated_source
    yield "languages", _languages(model), model.languages.source
    yield "released", model.released.month, model.released.source
    for engine in Engine:
        support = model.support(engine)
        yield engine.value, " ".join(filter(None, (support.level, support.since_version))), support.note


def _candidate_rows(use_case: UseCase) -> Iterable[tuple[object, ...]]:
    for candidate in use_case.candidates:
        first = candidate.priority == 1
        yield (
            use_case.id if first else "",
            use_case.latency_target_ms if first else "",
            candidate.role,
            candidate.model_id,
            candidate.quantisation,
            candidate.engine,
            candidate.instance_type
            if candidate.borrowed_from is None
            else f"that of {candidate.borrowed_from}",
        )


def _cost_rows(cost: EnvironmentCost) -> Iterable[tuple[object, ...]]:
    for use_case in cost.use_cases:
        fleets = ", ".join(
            f"{_range(variant.count_min, variant.count_max)} x {variant.instance_type}"
            for variant in use_case.variants
        )
        yield (
            cost.environment,
            cost.region,
            use_case.use_case,
            fleets,
            _usd_range(use_case.usd_per_hour_min, use_case.usd_per_hour_max),
            "",
        )
        for borrowed in use_case.borrowed:
            saved = borrowed.usd_saved_per_hour
            lent = f"{borrowed.role} borrowed from {borrowed.lender}"
            yield cost.environment, cost.region, "", lent, _usd_saved(saved), ""
    yield (
        cost.environment,
        cost.region,
        Text("all", style="bold"),
        "",
        _bold(_usd_range(cost.usd_per_hour_min, cost.usd_per_hour_max)),
        _bold(_usd_range(cost.usd_per_month_min, cost.usd_per_month_max, digits=0)),
    )


def _usd_saved(usd_per_hour: float | None) -> str | None:
    return None if usd_per_hour is None else f"saves {usd_per_hour:,.2f}"


def _bold(text: str | None) -> Text | None:
    return None if text is None else Text(text, style="bold")


def _usd_range(low: float | None, high: float | None, digits: int = 2) -> str | None:
    if low is None or high is None:
        return None
    return f"{low:,.{digits}f}" if low == high else f"{low:,.{digits}f} - {high:,.{digits}f}"


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _billions(count: int | None) -> str | None:
    if count is None:
        return None
    return f"{count / 1e9:.2f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"


def _yes_no(value: bool | None) -> str | None:
    return {True: "yes", False: "no"}.get(value) if value is not None else None


def _languages(model: ModelFacts) -> str | None:
    return " ".join(model.languages.codes) or model.languages.claim
