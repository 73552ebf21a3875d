"""Settings of the user's shell that must neither break local work nor end in a traceback."""

from __future__ import annotations

import pytest

from endpoints.commands.access import aws_of
from endpoints.errors import RemoteError
from endpoints.local import daemon
from endpoints.local.local_status import LocalStatus
from endpoints.local.settings import ACCESS_KEY_ID, LocalSettings


@pytest.fixture
def unknown_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-nobody-configured")


@pytest.mark.usefixtures("unknown_profile")
def test_local_work_does_not_look_at_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = LocalSettings(port=4599)
    running = LocalStatus(running=True, healthy=True, settings=settings)
    monkeypatch.setattr(daemon, "status", lambda _settings: running)

    aws = aws_of("local")

    credentials = aws.session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == ACCESS_KEY_ID
    assert aws.endpoint_url == "http://127.0.0.1:4599"
    assert aws.session.client("sts", endpoint_url=aws.endpoint_url).meta.endpoint_url == aws.endpoint_url


@pytest.mark.usefixtures("unknown_profile")
def test_an_account_that_cannot_be_asked_is_one_error_with_a_remedy() -> None:
    with pytest.raises(RemoteError, match="a-profile-that-nobody-configured") as caught:
        aws_of("staging")

    assert caught.value.remedy is not None
    assert "AWS_PROFILE" in caught.value.remedy
