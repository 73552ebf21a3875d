"""May the owner of the stored Hugging Face token read a snapshot? The token goes to the Hub and nowhere else.

Errors of the Hub's client carry the request with its headers: none is kept as a cause, and no token is part of a value
or a message that leaves this module.
"""

from __future__ import annotations

import json
import re
from typing import Final

from botocore.exceptions import ClientError
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import error_code, secret_errors
from endpoints.adapters.hub import HubOfflineError
from endpoints.errors import RemoteError
from endpoints.preflight import HubAccess

TIMEOUT_S: Final = 10.0
# Without a word about the repository or its gate, the Hub speaks of the token: unknown, or not allowed to.
_REFUSALS: Final = {401: HubAccess.BAD_TOKEN, 403: HubAccess.TOKEN_SCOPE}
_A_FILE_OF_EVERY_MODEL: Final = "config.json"
_UNUSABLE_IN_A_HEADER: Final = re.compile(r"[^\x21-\x7e]")


def stored_token(account: Account, secret_id: str) -> str | None:
    """The token in Secrets Manager; None when nothing is stored yet.

    A JSON object with one value, which the console makes of a "key/value pair", counts as that value. Raises
    `RemoteError`.
    """
    with secret_errors("read the stored Hugging Face token", secret_id, endpoint_url=account.endpoint_url):
        try:
            secret = account.client("secretsmanager").get_secret_value(SecretId=secret_id)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":  # also: a secret without a version
                return None
            raise
    return _token_in(str(secret.get("SecretString", "")))


def snapshot_access(repository: str, revision: str, token: str | None, *, hub_url: str) -> HubAccess:
    """Ask the environment's Hub for one file of the pinned commit, as a download would.

    Raises `RemoteError` when the Hub does not answer.
    """
    if token is None:
        return HubAccess.NO_TOKEN
    if _UNUSABLE_IN_A_HEADER.search(token):
        return HubAccess.BAD_TOKEN
    url = hf_hub_url(repository, _A_FILE_OF_EVERY_MODEL, revision=revision, endpoint=hub_url)
    answer = _answer(url, token)
    if isinstance(answer, HubAccess):
        return answer
    if answer == OfflineModeIsEnabled.__name__:
        raise HubOfflineError
    # Raised here, out of reach of the client's own error, which holds the request and so the token.
    raise RemoteError(f"the Hugging Face Hub does not answer ({hub_url}, {repository}: {answer})")


def _answer(url: str, token: str) -> HubAccess | str:
    """What the Hub says, or why there is no answer."""
    try:
        get_hf_file_metadata(url, token=token, timeout=TIMEOUT_S, retry_on_errors=False)
    except GatedRepoError as error:
        return _gated(error)
    except RevisionNotFoundError:
        return HubAccess.NO_REVISION
    except RepositoryNotFoundError:
        return HubAccess.NOT_FOUND
    except EntryNotFoundError:
        return HubAccess.GRANTED  # the Hub looks for the file only after it let the reader in
    except HfHubHTTPError as error:
        return _REFUSALS.get(error.response.status_code, f"HTTP {error.response.status_code}")
    except Exception as error:  # noqa: BLE001 - the Hub's client lets errors of its own HTTP library through
        return type(error).__name__
    return HubAccess.GRANTED


def _gated(error: GatedRepoError) -> HubAccess:
    """The Hub answers 401 to a reader whom it does not know, 403 to one without access, or with too narrow a token."""
    if error.response.status_code == 401:
        return HubAccess.BAD_TOKEN
    if "token settings" in error.response.headers.get("X-Error-Message", ""):
        return HubAccess.TOKEN_SCOPE
    return HubAccess.NOT_ACCEPTED


def _token_in(secret: str) -> str | None:
    text = secret.strip()
    try:
        value = json.loads(text)
    except ValueError:
        return text or None
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value.values()))).strip() or None
    return text
