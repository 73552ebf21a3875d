"""What was given wins over the environment, which wins over the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoints.errors import LocalError
from endpoints.local.model_source import NO_MODELS
from endpoints.local.server_arguments import ServerArguments, parse
from endpoints.local.settings import LocalSettings

ENVIRONMENT = {"ADEPT_LOCAL_HOME": "/srv/adept", "ADEPT_LOCAL_PORT": "5000", "ADEPT_LOCAL_MODEL": "llama3.2"}


def test_defaults() -> None:
    settings = LocalSettings.from_environment({})
    assert settings.home == Path.cwd() / ".adept" / "local"
    assert settings.endpoint_url == "http://127.0.0.1:4577"
    assert settings.backend_url is None


def test_the_environment_and_then_what_was_given() -> None:
    assert LocalSettings.from_environment(ENVIRONMENT).port == 5000
    given = LocalSettings.from_environment(ENVIRONMENT, home=Path("/srv/other"), port=6000, model="qwen")
    assert (given.home, given.port, given.model) == (Path("/srv/other").resolve(), 6000, "qwen")


@pytest.mark.parametrize(("value", "message"), [("many", "not a number"), ("80", "port 80 cannot be used")])
def test_a_port_that_cannot_be_is_refused_with_what_can(value: str, message: str) -> None:
    with pytest.raises(LocalError, match=message) as error:
        LocalSettings.from_environment({"ADEPT_LOCAL_PORT": value})
    assert "1024 to 65535" in (error.value.remedy or "")


def test_another_hub_can_be_named_for_what_stages_weights() -> None:
    assert LocalSettings(port=4601).hub_endpoint == "http://127.0.0.1:4601/_adept/hub"
    elsewhere = LocalSettings.from_environment({"ADEPT_LOCAL_HUB": "http://127.0.0.1:9000/"})
    assert elsewhere.hub_endpoint == "http://127.0.0.1:9000"
    assert (
        parse(ServerArguments(elsewhere, NO_MODELS).to_command_line()).settings.hub_url == elsewhere.hub_url
    )
