"""The environment's Hugging Face token in Secrets Manager: one version is current, the one before it is kept.

A token is a `str` here and in the caller's hands; none is part of an error.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import secret_errors
from endpoints.adapters.hub_access import stored_token
from endpoints.errors import RemoteError

_CURRENT: Final = "AWSCURRENT"
# A secret that had a version has one for ever, and none is empty; blanks count as no token for whoever reads it.
_NOTHING: Final = " "


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
        with self._errors("store the token"):
            self._client.put_secret_value(SecretId=self.secret_id, SecretString=token)
        if self.current() != token:
            raise RemoteError(
                "Secrets Manager took the token, but the current version of the secret is another one",
                remedy="Did somebody else store one at the same time? Look: adept token check",
            )

    def remove(self) -> None:
        """Make "no token" current, and `forget_earlier`. May be done again after it was broken off anywhere."""
        with self._errors("remove the token"):
            self._client.put_secret_value(SecretId=self.secret_id, SecretString=_NOTHING)
        self.forget_earlier()
        if self.current() is not None:
            raise RemoteError(
                "Secrets Manager took the token out, but the current version of the secret holds one",
                remedy="Did somebody else store one at the same time? Look: adept token check",
            )

    def forget_earlier(self) -> None:
        """Take the labels off every version but the current one: no stage leads to them, and Secrets Manager may
        delete them. Until it has, whoever knows a version's id and may read the secret reads it still.
        """
        with self._errors("forget the secret's earlier versions"):
            versions = self._client.describe_secret(SecretId=self.secret_id).get("VersionIdsToStages", {})
            for version, stages in versions.items():
                for stage in stages if _CURRENT not in stages else ():
                    self._client.update_secret_version_stage(
                        SecretId=self.secret_id, VersionStage=stage, RemoveFromVersionId=version
                    )

    @property
    def _client(self) -> Any:
        return self.account.client("secretsmanager")

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return secret_errors(doing, self.secret_id, endpoint_url=self.account.endpoint_url)
