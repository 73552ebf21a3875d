"""The environment's Hugging Face token in Secrets Manager: one version is current, the one before it is kept.

A token is a `str` here and in the caller's hands; none is part of an error.
"""

from __future__ import annotations

from dataclasses import dataclass

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors
from endpoints.adapters.hub_access import stored_token
from endpoints.errors import RemoteError


@dataclass(frozen=True)
class TokenStore:
    """`secret_id` is the foundation stack's TokenSecretArn. Every method raises `RemoteError`."""

    account: Account
    secret_id: str

    def current(self) -> str | None:
        """The token that the stager reads; None when none is stored."""
        return stored_token(self.account, self.secret_id)

    def put(self, token: str) -> None:
        """Make `token` current. What was current becomes the previous version; both happen or neither.

        The stored value is read back: an answer alone is no proof.
        """
        with aws_errors("store the token", endpoint_url=self.account.endpoint_url):
            self.account.client("secretsmanager").put_secret_value(
                SecretId=self.secret_id, SecretString=token
            )
        if self.current() != token:
            raise RemoteError(
                "Secrets Manager took the token, but the current version of the secret is another one",
                remedy="Did somebody else store one at the same time? Look: adept token check",
            )
