"""May the owner of the stored Hugging Face token read a snapshot? The token goes to the Hub and nowhere else.

Errors of the Hub's client carry the request with its headers: none is kept as a cause, and no token is part of a value
or a message that leaves this module.
"""

from __future__ import annotations

import json
import re
from typing import Final

from botocore.exceptions import ClientError
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from endpoints.adapters.account_clients import Account
from endpoints.adapters.aws_errors import aws_errors, error_code
from endpoints.errors import RemoteError
from endpoints.preflight import HubAccess

TIMEOUT_S: Final = 10.0
_A_FILE_OF_EVERY_MODEL: Final = "config.json"
_UNUSABLE_IN_A_HEADER: Final = re.compile(r"[^\x21-\x7e]")


def stored_token(account: Account, secret_id: str) -> str | None:
    """The token in Secrets Manager; None when nothing is stored yet.

    A JSON object with one value, which the console makes of a "key/value pair", counts as that value. Raises
    `RemoteError`.
    """
    with aws_errors("read the stored Hugging Face token", endpoint_url=account.endpoint_url):
        try:
            secret = account.client("secretsmanager").get_secret_value(SecretId=secret_id)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":  # also: a secret without a version
                return None
            raise
    return _token_in(str(secret.get("SecretString", "")))


def snapshot_access(repository: str, revision: str, token: str | None) -> HubAccess:
    """Ask for one file of the pinned commit, as a download would. Raises `RemoteError` when the Hub does not answer."""
    if token is None:
        return HubAccess.NO_TOKEN
    if _UNUSABLE_IN_A_HEADER.search(token):
        return HubAccess.BAD_TOKEN
    url = hf_hub_url(repository, _A_FILE_OF_EVERY_MODEL, revision=revision, endpoint=constants.ENDPOINT)
    try:
        get_hf_file_metadata(url, token=token, timeout=TIMEOUT_S, retry_on_errors=False)
    except GatedRepoError:
        return HubAccess.NOT_ACCEPTED
    except RevisionNotFoundError:
        return HubAccess.NO_REVISION
    except RepositoryNotFoundError as error:
        return _unseen(error)
    except EntryNotFoundError:
        return HubAccess.GRANTED  # the Hub looks for the file only after it let the reader in
    except HfHubHTTPError as error:
        return _refused(error, repository)
    except Exception as error:  # noqa: BLE001 - the Hub's client lets errors of its own HTTP library through
        raise RemoteError(
            f"the Hugging Face Hub cannot be reached ({constants.ENDPOINT}: {type(error).__name__})"
        ) from None
    return HubAccess.GRANTED


def _token_in(secret: str) -> str | None:
    text = secret.strip()
    try:
        value = json.loads(text)
    except ValueError:
        return text or None
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value.values()))).strip() or None
    return text


def _unseen(error: RepositoryNotFoundError) -> HubAccess:
    """The Hub answers 401 both for a bad token and for what a reader may not know about."""
    if "invalid" in error.response.headers.get("X-Error-Message", "").lower():
        return HubAccess.BAD_TOKEN
    return HubAccess.NOT_FOUND


def _refused(error: HfHubHTTPError, repository: str) -> HubAccess:
    status = error.response.status_code
    if status == 401:
        return HubAccess.BAD_TOKEN
    if status == 403:
        return HubAccess.NOT_ACCEPTED
    raise RemoteError(f"the Hub answers HTTP {status} for {repository} ({constants.ENDPOINT})") from None
