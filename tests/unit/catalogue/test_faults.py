"""What happens to wrong data: every fault is found, with file, path, what was got and what is allowed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from endpoints.catalogue import Fault, InvalidCatalogueError, load_catalogue
from endpoints.catalogue.loader import PACKAGE_DIRECTORY

Edit = Callable[[Any], None]


class Files:
    """A copy of the catalogue's files, to be spoilt."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for file in PACKAGE_DIRECTORY.glob("*.yaml"):
            shutil.copy(file, directory)

    def edit(self, name: str, change: Edit) -> None:
        path = self.directory / name
        document = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        change(document)
        path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False))

    def candidate(self, use_case: int = 0, candidate: int = 0, **values: Any) -> None:
        self.edit(
            "use_cases.yaml", lambda d: d["use_cases"][use_case]["candidates"][candidate].update(values)
        )

    def faults(self) -> list[Fault]:
        with pytest.raises(InvalidCatalogueError) as caught:
            load_catalogue(self.directory)
        assert all(str(fault) in str(caught.value) for fault in caught.value.faults)
        return list(caught.value.faults)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def only(faults: list[Fault]) -> Fault:
    assert len(faults) == 1, faults
    return faults[0]


def test_the_copy_itself_is_valid(files: Files) -> None:
    assert load_catalogue(files.directory).use_cases == load_catalogue().use_cases


def test_every_fault_of_every_file_is_reported_at_once(files: Files) -> None:
    files.candidate(0, 1, instance_type="ml.g9.xlarge")
    files.edit("use_cases.yaml", lambda d: d["use_cases"][2].update(latency_target_ms=-5))
    files.edit("models.yaml", lambda d: d["models"][3].update(colour="blue"))
    files.edit("environments.yaml", lambda d: d["environments"][0]["router"].update(memory_mib=64))
    files.edit("instances.yaml", lambda d: d["instances"][7].pop("vcpu"))
    found = {(fault.file, fault.path): fault for fault in files.faults()}
    assert set(found) == {
        ("use_cases.yaml", "use_cases[0].candidates[1].instance_type"),
        ("use_cases.yaml", "use_cases[2].latency_target_ms"),
        ("models.yaml", "models[3].colour"),
        ("environments.yaml", "environments[0].router.memory_mib"),
        ("instances.yaml", "instances[7].vcpu"),
    }
    assert found["use_cases.yaml", "use_cases[2].latency_target_ms"].got == "-5"
    assert found["models.yaml", "models[3].colour"].allowed == "no field of this name"
    assert found["instances.yaml", "instances[7].vcpu"].got == "nothing"


def test_a_faulty_use_case_does_not_hide_its_candidates_wrong_references(files: Files) -> None:
    files.edit("use_cases.yaml", lambda d: d["use_cases"][1].update(latency_target_ms="soon"))
    files.candidate(1, 1, gpu_count=8)
    paths = [fault.path for fault in files.faults()]
    assert paths == ["use_cases[1].latency_target_ms", "use_cases[1].candidates[1].gpu_count"]


def test_a_faulty_model_is_not_reported_again_by_everybody_who_uses_it(files: Files) -> None:
    files.edit("models.yaml", lambda d: d["models"][0]["licence"].update(gated="perhaps"))
    assert only(files.faults()).path == "models[0].licence.gated"


def test_numbers_in_quotes_are_not_numbers(files: Files) -> None:
    files.candidate(max_input_tokens="3072")
    assert only(files.faults()).got == "'3072'"


def test_a_choice_that_does_not_exist_lists_the_choices(files: Files) -> None:
    files.candidate(engine="triton")
    assert only(files.faults()).allowed == "'tgi' or 'vllm'"


@pytest.mark.parametrize(
    ("values", "field", "allowed"),
    [
        ({"model_id": "meta-llama/Llama-9-8B"}, "model_id", "an entry of the catalogue"),
        ({"model_id": "meta-llama/Meta-Llama-3.1-8B-Instruct"}, "model_id", "the canonical id"),
        ({"instance_type": "ml.g5.9xlarge"}, "instance_type", "an entry of the catalogue"),
        ({"gpu_count": 2}, "gpu_count", "1 to 1 on ml.g5.xlarge"),
        ({"revision": "f" * 40}, "revision", "the commit pinned in models.yaml"),
        ({"revision": "main"}, "revision", "40"),
        ({"quantisation": "awq"}, "quantisation", "bitsandbytes-nf4, eetq, none"),
        ({"engine": "vllm", "quantisation": "eetq"}, "quantisation", "only tgi has its kernels"),
        ({"max_total_tokens": 200_000}, "max_total_tokens", "at most 131072"),
    ],
)
def test_references_that_lead_nowhere(files: Files, values: dict[str, Any], field: str, allowed: str) -> None:
    files.candidate(**values)
    faults = [fault for fault in files.faults() if fault.path == f"use_cases[0].candidates[0].{field}"]
    assert any(allowed in fault.allowed for fault in faults), faults


def test_a_parser_of_tool_calls_is_vllms(files: Files) -> None:
    files.candidate(tool_call_parser="llama3_json")
    assert "tgi calls tools without one" in only(files.faults()).allowed


def test_weights_must_be_a_form_of_the_model(files: Files) -> None:
    files.candidate(
        weights_id="Qwen/Qwen2.5-7B-Instruct", revision="a09a35458c702b33eeacc393d103063234e8bc28"
    )
    fault = only(files.faults())
    assert fault.path.endswith("weights_id")
    assert "or a quantised form of it" in fault.allowed


def test_an_engine_that_cannot_serve_the_model_is_refused_with_one_that_can(files: Files) -> None:
    qwen = "Qwen/Qwen3-8B"
    files.candidate(model_id=qwen, weights_id=qwen, revision="b968826d9c46dd6066d109eabc6255188de91218")
    assert only(files.faults()).allowed == "an engine that serves it: vllm"


def test_prompt_and_answer_share_the_total(files: Files) -> None:
    files.candidate(max_input_tokens=4096)
    assert "prompt and answer share the total" in only(files.faults()).allowed


@pytest.mark.parametrize("values", [{"priority": 3}, {"role": "primary"}])
def test_priorities_run_from_one_and_roles_are_unique(files: Files, values: dict[str, Any]) -> None:
    files.candidate(0, 1, **values)
    assert only(files.faults()).path == "use_cases[0]"


def test_names_are_unique(files: Files) -> None:
    files.edit("use_cases.yaml", lambda d: d["use_cases"][1].update(id="query-enhancement"))
    assert [fault.path for fault in files.faults()] == ["use_cases[0].id", "use_cases[1].id"]


def test_a_use_case_cannot_take_the_name_of_another_stack(files: Files) -> None:
    files.edit("use_cases.yaml", lambda d: d["use_cases"][1].update(id="router"))
    assert "stacks have these names" in only(files.faults()).allowed


def test_a_quantised_form_of_an_unknown_model(files: Files) -> None:
    def orphan(document: Any) -> None:
        form = next(m for m in document["models"] if m["canonical_id"] == "Qwen/Qwen2.5-7B-Instruct-AWQ")
        form["quantised_form_of"] = "Qwen/Qwen9-7B"

    files.edit("models.yaml", orphan)
    assert only(files.faults()).path.endswith("quantised_form_of")


def test_fleets_belong_to_roles(files: Files) -> None:
    files.edit("environments.yaml", lambda d: d["environments"][1].update(roles=["primary", "alternative"]))
    assert "exactly one entry" in only(files.faults()).allowed


def test_a_secret_is_refused_and_never_repeated(files: Files) -> None:
    token = "hf_" + "Ab1" * 11
    files.edit("models.yaml", lambda d: d["models"][0].update(notes=[f"use {token}"]))
    files.candidate(model_id=token)
    with pytest.raises(InvalidCatalogueError) as caught:
        load_catalogue(files.directory)
    assert "models[0].notes[0]: got text in the shape of a secret" in str(caught.value)
    assert token not in str(caught.value)


def test_a_key_that_stands_twice_is_refused(files: Files) -> None:
    path = files.directory / "environments.yaml"
    path.write_text(path.read_text().replace("  - name: local\n", "  - name: local\n    region: eu-west-1\n"))
    assert "a key stands twice: region" in only(files.faults()).got


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("environments: [", "did not find expected"),
        ("- 1\n", "[1]"),
        ("environments: 5\n", "{'environments': 5}"),
    ],
)
def test_files_that_hold_something_else(files: Files, text: str, got: str) -> None:
    (files.directory / "environments.yaml").write_text(text)
    fault = only(files.faults())
    assert fault.file == "environments.yaml"
    assert got in fault.got


def test_a_missing_file_is_a_fault(files: Files) -> None:
    (files.directory / "instances.yaml").unlink()
    faults = files.faults()
    assert any(fault.file == "instances.yaml" and "No such file" in fault.got for fault in faults)


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"borrowed_from": "no-such-use-case"}, "a use case"),
        ({"borrowed_from": "explanation-generation"}, "another use case's alternative"),
        ({"borrowed_from": "job-parsing"}, "the same model_id, weights_id, revision"),
        ({"max_total_tokens": 4000}, "the same max_total_tokens"),
    ],
)
def test_what_is_borrowed_must_run_exactly_so_at_its_lender(
    files: Files, values: dict[str, Any], allowed: str
) -> None:
    files.candidate(4, 1, **values)
    fault = only(files.faults())
    assert fault.path == "use_cases[4].candidates[1].borrowed_from"
    assert allowed in fault.allowed


def test_a_fallback_has_the_same_cards(files: Files) -> None:
    files.candidate(0, 0, fallback_instance_types=["ml.g6.xlarge"])
    fault = only(files.faults())
    assert fault.path == "use_cases[0].candidates[0].fallback_instance_types"
    assert "A10G" in fault.allowed


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"from_hour": 20, "to_hour": 7}, "from_hour before to_hour"),
        ({"days": "MON-FRY"}, "MON"),
        ({"quiet": {"primary": {"min": 3, "max": 3}}}, "at most the 2..6"),
        ({"quiet": {"primary": {"min": 1, "max": 7}}}, "at most the 2..6"),
    ],
)
def test_business_hours_that_no_schedule_could_keep_are_refused(
    files: Files, change: dict[str, Any], allowed: str
) -> None:
    files.edit("environments.yaml", lambda d: d["environments"][3]["business_hours"].update(change))

    assert allowed in str(only(files.faults()))


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("alternative", "only roles of primary"), ("primary", "only of a fleet that scales")],
)
def test_quiet_hours_of_a_fleet_that_is_not_there_or_never_scales_are_refused(
    files: Files, role: str, allowed: str
) -> None:
    def change(document: Any) -> None:
        hours = document["environments"][3]["business_hours"]
        document["environments"][1]["business_hours"] = hours | {"quiet": {role: {"min": 1, "max": 1}}}

    files.edit("environments.yaml", change)

    assert allowed in str(only(files.faults()))
