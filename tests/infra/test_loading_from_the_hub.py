"""A sandbox may load open models from the Hub, when it says so; nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import assertions

from endpoints.catalogue import CandidateRole, Catalogue, load_catalogue
from endpoints.errors import LockError
from endpoints.locks import Lock, PinnedBy, proposed
from infra.environments import build_environment
from tests.infra.conftest import app_of, only, statements_of, synthesise, templates

STACK = "adept-sandbox-query-enhancement"
MISTRAL = "mistralai/Mistral-7B-Instruct-v0.3"


def _catalogue(**sandbox: Any) -> Catalogue:
    """A sandbox with one use case, whose primary is an open model."""
    catalogue = load_catalogue()
    use_case = catalogue.use_case("query-enhancement")
    mistral = use_case.candidate(CandidateRole.ALTERNATIVE)
    primary = mistral.model_copy(update={"priority": 1, "role": CandidateRole.PRIMARY})
    changed = catalogue.environment("sandbox").model_copy(update={"load_from_hub": True, **sandbox})
    return catalogue.model_copy(
        update={
            "use_cases": (use_case.model_copy(update={"candidates": (primary,)}),),
            "environments": (changed,),
        }
    )


def _without_commit(catalogue: Catalogue) -> Lock:
    lock = proposed(catalogue, catalogue.environment("sandbox"))
    free = {"revision": None, "pinned_by": PinnedBy.LOCK}
    candidates = [one.model_copy(update=free) for one in lock.candidates]
    snapshots = [one.model_copy(update={"revision": None}) for one in lock.snapshots]
    return Lock.of("sandbox", snapshots, candidates)


def test_the_container_is_told_what_to_load_and_has_the_network_to_do_so() -> None:
    template = synthesise("sandbox", _catalogue())[STACK]

    model = only(template, "AWS::SageMaker::Model")
    container = model["PrimaryContainer"]
    assert model["EnableNetworkIsolation"] is False
    assert "ModelDataSource" not in container
    assert container["Environment"]["HF_MODEL_ID"] == MISTRAL
    assert container["Environment"]["HF_MODEL_REVISION"] == "c170c708c41dac9275d15a8fff4eca08d52bab71"
    assert "s3:" not in json.dumps(statements_of(template, role_prefix="EndpointPrimaryRole"))
    assert "Custom::AdeptStagedSnapshot" not in json.dumps(template)


def test_without_a_commit_it_loads_whatever_there_is_then() -> None:
    catalogue = _catalogue()

    template = synthesise("sandbox", catalogue, _without_commit(catalogue))[STACK]

    variables = only(template, "AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    assert "HF_MODEL_REVISION" not in variables


def test_synth_warns_that_instances_depend_on_the_hub() -> None:
    catalogue = _catalogue()
    lock = proposed(catalogue, catalogue.environment("sandbox"))
    stacks = build_environment(app_of("sandbox"), catalogue, lock)
    stack = next(stack for stack in stacks if stack.stack_name == STACK)

    said = assertions.Annotations.from_stack(stack)

    said.has_warning(
        "*", assertions.Match.string_like_regexp("loads .*Mistral.* from https://huggingface.co")
    )


def test_a_gated_model_is_never_loaded_from_the_hub_because_no_container_gets_a_token() -> None:
    catalogue = _catalogue().with_use_cases(load_catalogue().use_cases)

    with pytest.raises(LockError) as caught:
        synthesise("sandbox", catalogue)

    gated = [line for line in caught.value.message.splitlines() if "Llama-3.1-8B-Instruct is gated" in line]
    assert len(gated) == 4


def test_nothing_that_is_committed_loads_from_the_hub(environment: str) -> None:
    text = json.dumps(templates(environment))

    assert '"EnableNetworkIsolation": false' not in text
    assert "HF_MODEL_REVISION" not in text
