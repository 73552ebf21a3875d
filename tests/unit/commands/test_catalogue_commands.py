"""`adept models`, `adept use-cases`, `adept cost`: tables for people, the same facts as JSON for programs."""

from __future__ import annotations

import pytest

from endpoints.catalogue import load_catalogue
from endpoints.sizing import hourly_cost
from tests.unit.commands.conftest import Adept

CATALOGUE = load_catalogue()
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


def test_models_lists_every_model_with_its_whole_id(adept: Adept) -> None:
    done = adept("models")

    assert done.exit_code == 0
    assert f"{len(CATALOGUE.models)} models" in done.stdout
    assert all(model.canonical_id in done.stdout for model in CATALOGUE.models)


def test_models_as_json_are_the_catalogues_records(adept: Adept) -> None:
    done = adept("models", "--json")

    assert [model["canonical_id"] for model in done.document] == [m.canonical_id for m in CATALOGUE.models]
    assert done.document == [model.model_dump(mode="json") for model in CATALOGUE.models]


def test_options_narrow_the_list(adept: Adept) -> None:
    permissive = adept("models", "--licence", "permissive", "--engine", "tgi", "--json").document
    ungated = adept("models", "--open", "--json").document
    german = adept("models", "--language", "de", "--json").document

    assert permissive
    assert {model["licence"]["kind"] for model in permissive} == {"permissive"}
    assert {model["licence"]["gated"] for model in ungated} == {False}
    assert LLAMA in {model["canonical_id"] for model in german}
    assert len(german) < len(CATALOGUE.models)


@pytest.mark.parametrize("name", [LLAMA, "meta-llama/Meta-Llama-3.1-8B-Instruct"])
def test_show_tells_facts_with_sources_by_either_name(adept: Adept, name: str) -> None:
    done = adept("models", "show", name)

    facts = CATALOGUE.model(name)
    assert done.exit_code == 0
    assert facts.revision.sha
    assert facts.revision.sha in done.stdout
    assert "8.03 B" in done.stdout
    assert "query-enhancement (primary)" in done.stdout
    assert adept("models", "show", name, "--json").document == facts.model_dump(mode="json")


@pytest.mark.parametrize("model_id", [model.canonical_id for model in CATALOGUE.models])
def test_every_model_can_be_shown(adept: Adept, model_id: str) -> None:
    done = adept("models", "show", model_id)

    assert done.exit_code == 0
    assert "languages" in done.stdout


def test_use_cases_lists_candidates_and_when_to_choose_them(adept: Adept) -> None:
    done = adept("use-cases")

    assert done.exit_code == 0
    for use_case in CATALOGUE.use_cases:
        assert use_case.id in done.stdout
        for candidate in use_case.candidates:
            assert candidate.model_id in done.stdout
            assert f"{candidate.role}: {candidate.when}" in done.stdout


def test_use_cases_as_json_are_the_catalogues_records(adept: Adept) -> None:
    assert adept("use-cases", "--json").document == [
        use_case.model_dump(mode="json") for use_case in CATALOGUE.use_cases
    ]


def test_cost_prints_a_row_per_use_case_and_the_sum(adept: Adept) -> None:
    done = adept("cost", "--env", "sandbox")

    assert done.exit_code == 0
    assert all(use_case.id in done.stdout for use_case in CATALOGUE.use_cases)
    total = next(line.split() for line in done.stdout.splitlines() if " all " in line)
    assert total == ["sandbox", "us-east-1", "all", "12.83", "9,366"]
    assert "Prices as of 2025-01-26" in done.stdout
    assert "costs nothing" not in done.stdout  # said of local alone


def test_cost_as_json_is_what_sizing_computes(adept: Adept) -> None:
    done = adept("cost", "--json")

    expected = [hourly_cost(CATALOGUE, environment) for environment in CATALOGUE.environments]
    assert done.document == [cost.model_dump(mode="json") for cost in expected]


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        (("models", "show", "phi-3"), "no model 'phi-3' in the catalogue", "microsoft/Phi-3-medium-4k"),
        (("models", "show", "[/x]"), "no model '[/x]' in the catalogue", "Known: "),
        (("cost", "--env", "prod"), "no environment 'prod' in the catalogue", "Did you mean: production?"),
        (("invoke", "job-parse", "x"), "no use case 'job-parse' in the catalogue", "job-parsing"),
        (("invoke", "job-parsing", "x", "--env", "x"), "no environment 'x' in the catalogue", "sandbox"),
        (("access", "--env", "live"), "no environment 'live' in the catalogue", "production"),
    ],
)
def test_an_unknown_id_is_one_message_with_a_remedy(
    adept: Adept, arguments: tuple[str, ...], message: str, remedy: str
) -> None:
    done = adept(*arguments)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == f"error: {message}"
    assert remedy in done.stderr.splitlines()[1]
    assert "Traceback" not in done.stderr


def test_wrong_usage_exits_with_2(adept: Adept) -> None:
    assert adept("models", "--engine", "triton").exit_code == 2
    assert adept("invoke", "job-parsing", "x", "--stream", "--json").exit_code == 2
    assert adept("no-such-command").exit_code == 2
