"""No stack grows with the number of use cases past what CloudFormation takes."""

from __future__ import annotations

from endpoints.catalogue import load_catalogue
from tests.infra.conftest import resources, synthesise

MOST_RESOURCES = 500  # of one stack; CloudFormation's quota
USE_CASES = 60


def test_the_shared_stacks_stay_as_large_as_they_are_however_many_use_cases_there_are() -> None:
    catalogue = load_catalogue()
    five = synthesise("production", catalogue)
    first = catalogue.use_case("query-enhancement")
    many = [first.model_copy(update={"id": f"use-case-{n:02d}"}) for n in range(USE_CASES)]

    grown = synthesise("production", catalogue.with_use_cases(many))

    for part in ("foundation", "router", "operations"):
        name = f"adept-production-{part}"
        # The CDK splits a role's policy where it outgrows IAM's limit: the router's names every endpoint.
        split_off = len(resources(grown[name], "AWS::IAM::ManagedPolicy"))
        assert len(grown[name]["Resources"]) - split_off == len(five[name]["Resources"])
        assert split_off <= 1
    assert all(len(template["Resources"]) < MOST_RESOURCES / 4 for template in grown.values())
