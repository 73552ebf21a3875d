"""Strings of a template become what the service model asks for; nothing else changes."""

from __future__ import annotations

from endpoints.local.template_values import api_parameters, tag_changes


def test_strings_become_numbers_and_booleans_where_the_model_has_them() -> None:
    given = {
        "EndpointConfigName": "c",
        "EnableNetworkIsolation": "true",
        "ProductionVariants": [
            {"VariantName": "primary", "InitialInstanceCount": "2", "InitialVariantWeight": "0.5"}
        ],
    }
    parameters = api_parameters("sagemaker", "CreateEndpointConfig", given)
    assert parameters["EnableNetworkIsolation"] is True
    assert parameters["ProductionVariants"] == [
        {"VariantName": "primary", "InitialInstanceCount": 2, "InitialVariantWeight": 0.5}
    ]


def test_numbers_and_booleans_become_strings_where_the_model_has_them() -> None:
    given = {"PrimaryContainer": {"Environment": {"SM_NUM_GPUS": 4, "TRUST": True, "RATIO": 0.9}}}
    container = api_parameters("sagemaker", "CreateModel", given)["PrimaryContainer"]
    assert container["Environment"] == {"SM_NUM_GPUS": "4", "TRUST": "true", "RATIO": "0.9"}


def test_zero_and_what_does_not_fit_stay_for_the_service_to_judge() -> None:
    given = {"MinCapacity": "0", "MaxCapacity": "many", "NoSuchThing": "1"}
    parameters = api_parameters("application-autoscaling", "RegisterScalableTarget", given)
    assert parameters == {"MinCapacity": 0, "MaxCapacity": "many", "NoSuchThing": "1"}


def test_tag_changes_are_additions_and_removals() -> None:
    old = {
        "Tags": [{"Key": "kept", "Value": "1"}, {"Key": "gone", "Value": "1"}, {"Key": "new", "Value": "1"}]
    }
    new = {"Tags": [{"Key": "kept", "Value": "1"}, {"Key": "new", "Value": "2"}]}
    assert tag_changes(old, new) == ([{"Key": "new", "Value": "2"}], ["gone"])
