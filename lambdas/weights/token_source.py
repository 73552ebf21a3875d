"""The Hub's token: read from Secrets Manager at run time, and kept for minutes, so that a rotated one is noticed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

KEPT_S = 120.0


class TokenSource:
    """`token()` is None where the secret has no value: then the Hub is asked without one."""

    def __init__(self, client: Any, secret_id: str, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._secret_id = secret_id
        self._now_s = now_s
        self._token: str | None = None
        self._read_at_s: float | None = None

    def token(self) -> str | None:
        """The stored token. Raises botocore's `ClientError` where it cannot be read, which never quotes a value."""
        if self._read_at_s is None or self._now_s() - self._read_at_s > KEPT_S:
            self._token = self._read()
            self._read_at_s = self._now_s()
        return self._token

    def changed(self) -> bool:
        """Read it again, because the Hub refused it: True when it is another one now."""
        refused, self._read_at_s = self._token, None
        return self.token() != refused

    def __repr__(self) -> str:
        return "TokenSource(...)"

    def _read(self) -> str | None:
        try:
            answer = self._client.get_secret_value(SecretId=self._secret_id)
        except ClientError as error:
            details: Any = error.response
            if details["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        return _token_in(str(answer.get("SecretString", "")))


def _token_in(secret: str) -> str | None:
    """A JSON object with one value, which the console makes of a "key/value pair", counts as that value.

    `adept token check` reads it so, too (endpoints/adapters/hub_access.py): what one finds good the other can use.
    """
    with suppress(ValueError, RecursionError):
        document = json.loads(secret)
        if isinstance(document, dict) and len(document) == 1:
            secret = str(next(iter(document.values())))
    return "".join(secret.split()) or None
