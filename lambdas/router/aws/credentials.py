"""Whose credentials sign: AWS's own providers.

In Lambda, and wherever the environment holds keys, it is the Common Runtime's environment provider: nothing is loaded
and nothing is kept. Everything else (containers, IRSA, profiles, SSO, instances; Lambda with SnapStart is a container)
is botocore's chain, imported and asked in a thread when it is first needed, and asked again before its keys expire.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from awscrt.auth import AwsCredentialsProvider

_MUST_RENEW_S = 10 * 60  # botocore's mandatory margin: keys that expire sooner are not used
_MAY_RENEW_S = 15 * 60  # its advisory one: from here on new keys are fetched beside the traffic


class CredentialsError(Exception):
    """There are no credentials. `cause` is the name of AWS's own exception."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"no credentials: {cause}")
        self.cause = cause


class Credentials:
    """Belongs to one event loop. Holds no keys before the first request."""

    def __init__(self) -> None:
        self._environment = AwsCredentialsProvider.new_environment()
        self._are_in_environment = False
        self._chain: Chain | None = None

    def at_hand(self) -> AwsCredentialsProvider | None:
        """What to sign with now where nothing has to be waited for."""
        if not self._are_in_environment:  # once they are there they may change, and do not go
            names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
            self._are_in_environment = all(os.environ.get(name) for name in names)
        return self._environment if self._are_in_environment else None

    async def provider(self) -> AwsCredentialsProvider:
        """What to sign with now. Raises CredentialsError."""
        provider = self.at_hand()
        if provider is not None:
            return provider
        if self._chain is None:
            self._chain = Chain()
        return await self._chain.provider()


class Chain:
    """botocore's chain, one question at a time; `find` gives its credentials object or None."""

    def __init__(self, find: Callable[[], Any] | None = None) -> None:
        self._find = find or _find_in_session
        self._found: Any = None  # botocore's credentials, which know when they expire
        self._provider: AwsCredentialsProvider | None = None
        self._renewal: asyncio.Task[AwsCredentialsProvider] | None = None

    async def provider(self) -> AwsCredentialsProvider:
        """What to sign with now. Raises CredentialsError."""
        if self._provider is not None and not self._expires_in(_MAY_RENEW_S):
            return self._provider
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.ensure_future(self._renewed())
            self._renewal.add_done_callback(_look_at)
        if self._provider is not None and not self._expires_in(_MUST_RENEW_S):
            return self._provider
        return await asyncio.shield(self._renewal)  # others wait for it too

    def _expires_in(self, seconds: float) -> bool:
        expires = getattr(self._found, "refresh_needed", None)  # static keys have none
        return bool(expires is not None and expires(refresh_in=seconds))

    async def _renewed(self) -> AwsCredentialsProvider:
        keys = await asyncio.to_thread(self._frozen)
        self._provider = AwsCredentialsProvider.new_static(
            keys.access_key, keys.secret_key, keys.token or None
        )
        return self._provider

    def _frozen(self) -> Any:
        from botocore.exceptions import BotoCoreError

        try:
            if self._found is None:
                self._found = self._find()
            if self._found is None:
                raise CredentialsError("NoCredentialsError")
            return self._found.get_frozen_credentials()
        except BotoCoreError as error:
            raise CredentialsError(type(error).__name__) from error


async def configured_region() -> str | None:
    """The region of the profile in use, None where it names none. Raises CredentialsError."""
    return await asyncio.to_thread(_session_region)


def _session_region() -> str | None:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        region: str | None = Session().get_config_variable("region")
    except BotoCoreError as error:
        raise CredentialsError(type(error).__name__) from error
    return region


def _find_in_session() -> Any:
    from botocore.session import Session

    return Session().get_credentials()


def _look_at(renewal: asyncio.Task[AwsCredentialsProvider]) -> None:
    """A renewal beside the traffic may fail without a word: the next one that must succeed tells."""
    if not renewal.cancelled():
        renewal.exception()
