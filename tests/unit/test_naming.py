"""Names that alarms, people and permissions rely on."""

from __future__ import annotations

from endpoints.catalogue import load_catalogue
from endpoints.naming import endpoint_name, stack_name


def test_names_say_environment_and_part() -> None:
    assert endpoint_name("staging", "job-parsing") == "adept-staging-job-parsing"
    assert stack_name("staging", "foundation") == "adept-staging-foundation"


def test_every_endpoint_name_is_one_that_sagemaker_takes() -> None:
    catalogue = load_catalogue()
    names = [
        endpoint_name(environment.name, use_case.id)
        for environment in catalogue.environments
        for use_case in catalogue.use_cases
    ]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 63


def test_the_longest_names_the_schema_allows_still_fit() -> None:
    assert len(endpoint_name("e" * 16, "u" * 40)) <= 63
