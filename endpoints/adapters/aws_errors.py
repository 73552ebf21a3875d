"""AWS's errors in the user's terms: what went wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import urllib3.exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from endpoints.errors import RemoteError

_SIGN_IN: Final = "Sign in (aws sso login, or aws configure), or set AWS_PROFILE; then run this again."
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "Forbidden"}
)
_UNKNOWN_KEY: Final = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
    }
)
_NO_CREDENTIALS: Final = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)


@contextmanager
def aws_errors(doing: str, *, endpoint_url: str | None = None) -> Iterator[None]:
    """Turn what AWS clients raise into `RemoteError`.

    `doing` continues "Could not ...", without a full stop.
    """
    try:
        yield
    except ClientError as error:
        raise _refused(doing, error) from error
    except _NO_CREDENTIALS as error:
        message = f"Could not {doing}: no usable AWS credentials ({error})."
        raise RemoteError(message, remedy=_SIGN_IN) from error
    except NoRegionError as error:
        raise RemoteError(f"Could not {doing}: no AWS region is set.", remedy="Set AWS_REGION.") from error
    except (HTTPClientError, BotoConnectionError, urllib3.exceptions.HTTPError, OSError) as error:
        raise _unreachable(doing, error, endpoint_url) from error
    except BotoCoreError as error:
        raise RemoteError(f"Could not {doing}: {error}") from error


@contextmanager
def secret_errors(doing: str, secret_id: str, *, endpoint_url: str | None = None) -> Iterator[None]:
    """The same for one secret, which somebody may have marked for deletion: then it is there and answers nothing."""
    with aws_errors(doing, endpoint_url=endpoint_url):
        try:
            yield
        except ClientError as error:
            if error_code(error) != "InvalidRequestException":
                raise
            refused = _refused(doing, error)
            restore = f"aws secretsmanager restore-secret --secret-id {secret_id}"
            raise RemoteError(
                refused.message, remedy=f"Is it marked for deletion? Take that back: {restore}"
            ) from error


def error_code(error: ClientError) -> str:
    """The service's error code, such as `ValidationError`; empty when there is none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(doing: str, error: ClientError) -> RemoteError:
    code = error_code(error)
    message = error.response.get("Error", {}).get("Message") or "no message"
    return RemoteError(f"Could not {doing}: {message} ({code})", remedy=_remedy(code))


def _remedy(code: str) -> str | None:
    if code in _EXPIRED:
        return f"The AWS credentials have expired. {_SIGN_IN}"
    if code in _UNKNOWN_KEY:
        return f"AWS does not know these credentials. {_SIGN_IN}"
    if code in _DENIED:
        return "These AWS credentials may not do this: ask for the permission, or use another profile."
    if code == "NoSuchBucket":
        return "Is its name right? Buckets and what lies in them: aws s3 ls"
    return None


def _unreachable(doing: str, error: Exception, endpoint_url: str | None) -> RemoteError:
    if endpoint_url is None:
        return RemoteError(
            f"Could not {doing}: {error}", remedy="Check the network connection and AWS_REGION."
        )
    message = f"Could not {doing}: nothing answers at {endpoint_url} ({type(error).__name__})."
    return RemoteError(
        message, remedy="Start the embedded AWS with `adept local up`, or unset AWS_ENDPOINT_URL."
    )
