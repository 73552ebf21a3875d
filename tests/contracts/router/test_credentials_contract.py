"""Whose credentials the router signs with: the environment, and botocore's real chain for everything else."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from awscrt.auth import AwsCredentialsProvider

from lambdas.router.aws.credentials import Credentials, CredentialsError, configured_region
from tests.support.container_keys import ContainerKeys, container_keys


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def key_of(provider: AwsCredentialsProvider) -> str:
    key: str = provider.get_credentials().result(5).access_key_id
    return key


def test_keys_of_the_environment_are_used_at_once_and_followed_when_they_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        credentials = Credentials()
        for key in ("first", "second"):
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
            assert key_of(await credentials.provider()) == key

    asyncio.run(work())


def test_a_profile_gives_its_keys_and_its_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[dev]\naws_access_key_id = of-dev\naws_secret_access_key = s\n")
    (tmp_path / "config").write_text("[profile dev]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    assert asyncio.run(configured_region()) == "eu-north-1"
    assert key_of(asyncio.run(Credentials().provider())) == "of-dev"


def test_no_credentials_and_a_profile_that_is_not_there_have_botocores_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CredentialsError, match="NoCredentialsError"):
        asyncio.run(Credentials().provider())
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CredentialsError, match="ProfileNotFound"):
        asyncio.run(Credentials().provider())
    with pytest.raises(CredentialsError, match="ProfileNotFound"):
        asyncio.run(configured_region())


def test_a_containers_keys_are_kept_renewed_beside_the_traffic_and_awaited_when_they_are_about_to_expire(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work(keys: ContainerKeys) -> None:
        credentials = Credentials()
        first = await asyncio.gather(*[credentials.provider() for _ in range(5)])
        assert {key_of(provider) for provider in first} == {"key-1"}
        assert keys.asked == 1

        assert credentials._chain is not None
        credentials._chain._found._expiry_time = datetime.now().astimezone() + timedelta(minutes=12)
        assert key_of(await credentials.provider()) == "key-1"  # still good: nobody waits
        assert credentials._chain._renewal is not None
        await credentials._chain._renewal
        assert key_of(await credentials.provider()) == "key-2"

        credentials._chain._found._expiry_time = datetime.now().astimezone() + timedelta(minutes=2)
        assert key_of(await credentials.provider()) == "key-3"

    with container_keys() as keys:
        for name, value in keys.environ.items():
            monkeypatch.setenv(name, value)
        asyncio.run(work(keys))
