"""ADEPT_LOCAL_TIME_SCALE: from the environment to the server process."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoints.errors import LocalError
from endpoints.local.cloudwatch import TimeScale
from endpoints.local.model_source import NO_MODELS
from endpoints.local.server_arguments import ServerArguments, parse
from endpoints.local.settings import LocalSettings


def test_time_is_real_unless_the_environment_says_otherwise() -> None:
    assert LocalSettings.from_environment({}).time_scale == 1.0
    assert LocalSettings.from_environment({"ADEPT_LOCAL_TIME_SCALE": "60"}).time_scale == 60.0
    assert TimeScale(60).wait_s(300) == 5


@pytest.mark.parametrize("text", ["fast", "0", "0.5", "1000", "nan"])
def test_a_time_scale_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(LocalError, match=r"ADEPT_LOCAL_TIME_SCALE|time scale"):
        LocalSettings.from_environment({"ADEPT_LOCAL_TIME_SCALE": text})


def test_the_server_process_gets_the_time_scale(tmp_path: Path) -> None:
    settings = LocalSettings(home=tmp_path, time_scale=60.0)

    assert parse(ServerArguments(settings, NO_MODELS).to_command_line()).settings.time_scale == 60.0
