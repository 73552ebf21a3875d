"""Real clients, nobody's of ours, get answers through API Gateway, the Lambda router and a SageMaker endpoint."""

from __future__ import annotations

import json
import subprocess

import openai
import pytest

from endpoints.catalogue import CandidateRole, UseCase, load_catalogue
from endpoints.naming import endpoint_name
from tests.e2e.conftest import System

pytestmark = pytest.mark.e2e
USE_CASES = load_catalogue().use_cases


def _openai(system: System) -> openai.OpenAI:
    """The SDK as anybody sets it up for OpenAI itself: an address and a key."""
    return openai.OpenAI(
        base_url=f"{system.access.base_url}/v1", api_key=system.access.api_key, max_retries=0
    )


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.id)
def test_every_use_case_answers_the_openai_sdk_with_its_primary_model(
    system: System, use_case: UseCase
) -> None:
    with _openai(system) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=use_case.id,
            messages=[{"role": "user", "content": use_case.example_prompt}],
            max_tokens=24,
        )
    completion = raw.parse()

    primary = use_case.candidate(CandidateRole.PRIMARY)
    assert completion.choices[0].message.content
    assert completion.model == use_case.id
    assert raw.headers["x-adept-model"] == primary.model_id
    assert (raw.headers["x-adept-candidate"], raw.headers["x-adept-attempts"]) == ("primary", "1")
    assert completion.usage is not None
    assert 0 < completion.usage.completion_tokens <= 24


def test_a_named_candidate_answers_with_another_model_than_the_primary(system: System) -> None:
    question = [{"role": "user", "content": "Who are you?"}]
    with _openai(system) as client:
        texts = {
            name: client.chat.completions.create(
                model=name,
                messages=question,  # type: ignore[arg-type]  # the SDK wants its own TypedDicts
                max_tokens=32,
                temperature=0,
            )
            for name in ("query-enhancement:primary", "query-enhancement:alternative")
        }
    primary, alternative = texts.values()

    assert (primary.model, alternative.model) == tuple(texts)
    assert primary.choices[0].message.content != alternative.choices[0].message.content


def test_the_openai_sdk_streams_to_the_end(system: System) -> None:
    with _openai(system) as client:
        chunks = list(
            client.chat.completions.create(
                model="job-parsing",
                messages=[{"role": "user", "content": "Platform engineer, Seoul"}],
                max_tokens=16,
                stream=True,
            )
        )

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in ("stop", "length")


def test_an_answer_streams_through_the_api_without_being_collected_first(system: System) -> None:
    body = {
        "model": "job-parsing",
        "messages": [{"role": "user", "content": "Platform engineer, Seoul"}],
        "max_tokens": 16,
        "stream": True,
    }
    with system.http() as client, client.stream("POST", "/v1/chat/completions", json=body) as answer:
        # How many pieces arrive depends on how busy this machine is; that nobody knew the length does not.
        assert "content-length" not in answer.headers
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.read().endswith(b"data: [DONE]\n\n")


def test_adept_streams_through_the_api(system: System) -> None:
    done = system.adept("invoke", "query-enhancement", "senior python developer", "--stream")

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "primary · meta-llama/Llama-3.1-8B-Instruct" in done.stderr


def test_the_openai_sdk_lists_every_use_case_and_candidate(system: System) -> None:
    with _openai(system) as client:
        names = {model.id for model in client.models.list()}

    assert names == {
        name
        for use_case in USE_CASES
        for name in (use_case.id, *(f"{use_case.id}:{candidate.role}" for candidate in use_case.candidates))
    }


def test_curl_gets_an_answer_in_tgis_schema(system: System) -> None:
    done = subprocess.run(
        [
            *("curl", "--silent", "--fail-with-body", "--noproxy", "*"),
            f"{system.access.base_url}/use-cases/market-intelligence/invoke",
            *("-H", f"x-api-key: {system.access.api_key}", "-H", "content-type: application/json"),
            *("-d", '{"inputs": "Data engineers in Berlin", "parameters": {"max_new_tokens": 12}}'),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)[0]["generated_text"]


def test_boto3_invokes_a_variant_of_the_endpoint_directly(system: System) -> None:
    response = system.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint_name("local", "market-intelligence"),
        TargetVariant="alternative",
        ContentType="application/json",
        Body=json.dumps({"inputs": "Why?", "parameters": {"max_new_tokens": 8}}),
    )

    assert response["InvokedProductionVariant"] == "alternative"
    assert json.loads(response["Body"].read())[0]["generated_text"]


def test_boto3_streams_an_answer_piece_by_piece(system: System) -> None:
    response = system.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName=endpoint_name("local", "query-enhancement"),
        ContentType="application/json",
        Body=json.dumps({"inputs": "Skills: ", "parameters": {"max_new_tokens": 12}, "stream": True}),
    )
    parts = [event["PayloadPart"]["Bytes"] for event in response["Body"]]

    assert len(parts) > 1
    assert b"generated_text" in b"".join(parts)


def test_health_answers_without_a_key(system: System) -> None:
    with system.http() as client:
        response = client.get("/health", headers={"x-api-key": ""})

    assert response.status_code == 200
