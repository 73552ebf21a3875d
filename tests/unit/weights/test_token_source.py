"""The token: none where none is stored, read again after minutes and when the Hub refuses it, never shown."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.weights.token_source import KEPT_S, TokenSource

TOKEN = "hf_" + "x" * 34


class Secrets:
    """Secrets Manager with a value, or without one."""

    def __init__(self, value: str | None, code: str = "ResourceNotFoundException") -> None:
        self.value = value
        self.code = code
        self.reads = 0

    def get_secret_value(self, **arguments: Any) -> dict[str, Any]:
        assert arguments == {"SecretId": "arn"}
        self.reads += 1
        if self.value is None:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetSecretValue")
        return {"SecretString": self.value}


def test_a_secret_without_a_value_means_asking_as_a_stranger() -> None:
    assert TokenSource(Secrets(None), "arn").token() is None
    assert TokenSource(Secrets(" \n"), "arn").token() is None


def test_white_space_around_a_token_is_not_part_of_it() -> None:
    assert TokenSource(Secrets(f" {TOKEN}\n"), "arn").token() == TOKEN


@pytest.mark.parametrize("value", [f'{{"token": "{TOKEN}"}}', f'{{ "HF_TOKEN" : "{TOKEN}\\n" }}'])
def test_a_key_value_pair_as_the_console_makes_it_counts_as_its_value(value: str) -> None:
    assert TokenSource(Secrets(value), "arn").token() == TOKEN


@pytest.mark.parametrize("value", ['{"a": "1", "b": "2"}', "[1]", "17"])
def test_json_that_is_no_key_value_pair_is_taken_as_it_is(value: str) -> None:
    assert TokenSource(Secrets(value), "arn").token() == "".join(value.split())


def test_it_is_read_once_and_again_after_minutes() -> None:
    clock = [0.0]
    secrets = Secrets(TOKEN)
    source = TokenSource(secrets, "arn", now_s=lambda: clock[0])
    source.token()
    source.token()
    assert secrets.reads == 1

    clock[0] = KEPT_S + 1
    secrets.value = "another"
    assert source.token() == "another"


def test_a_refused_token_is_read_again_and_told_whether_it_is_another() -> None:
    secrets = Secrets(TOKEN)
    source = TokenSource(secrets, "arn")
    source.token()
    assert not source.changed()

    secrets.value = "another"
    assert source.changed()
    assert source.token() == "another"


def test_a_secret_that_may_not_be_read_is_an_error_and_not_a_stranger() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        TokenSource(Secrets(None, "AccessDeniedException"), "arn").token()


def test_it_is_not_shown() -> None:
    source = TokenSource(Secrets(TOKEN), "arn")
    source.token()

    assert TOKEN not in repr(source)
