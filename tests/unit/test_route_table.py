"""The route table: the JSON that the router reads."""

from __future__ import annotations

import json

import pytest

from endpoints.catalogue import Catalogue, load_catalogue
from endpoints.route_table import render_route_table


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_a_use_case_has_its_endpoint_limits_and_candidates(catalogue: Catalogue) -> None:
    table = json.loads(json.dumps(render_route_table(catalogue, catalogue.environment("local"))))
    assert (table["version"], table["environment"]) == (1, "local")
    assert set(table["use_cases"]) == {use_case.id for use_case in catalogue.use_cases}
    assert table["use_cases"]["query-enhancement"] == {
        "endpoint_name": "adept-local-query-enhancement",
        "limits": {
            "max_body_bytes": 262144,
            "max_messages": 64,
            "max_output_tokens": 1024,
            "timeout_ms": 25000,
        },
        "candidates": [
            {
                "role": "primary",
                "variant": "primary",
                "model_id": "meta-llama/Llama-3.1-8B-Instruct",
                "engine": "tgi",
                "max_total_tokens": 4096,
            },
            {
                "role": "alternative",
                "variant": "alternative",
                "model_id": "mistralai/Mistral-7B-Instruct-v0.3",
                "engine": "tgi",
                "max_total_tokens": 4096,
            },
        ],
    }


def test_only_deployed_candidates_are_routed_to(catalogue: Catalogue) -> None:
    table = json.loads(json.dumps(render_route_table(catalogue, catalogue.environment("sandbox"))))
    roles = {c["role"] for use_case in table["use_cases"].values() for c in use_case["candidates"]}
    assert roles == {"primary"}
