"""What S3 answers when something is not as it was left, and the checksum that it checks."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from lambdas.weights.errors import StagingLost

_LOST = (
    "NoSuchUpload",
    "NoSuchKey",
    "PreconditionFailed",
    "ConditionalRequestConflict",
    "InvalidPart",
    "InvalidRange",
)


@contextmanager
def lost(key: str) -> Iterator[None]:
    """What S3 answers about uploads and objects that somebody else removed, as `StagingLost`."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in _LOST:
            raise
        code = code_of(error)
    else:
        return
    raise StagingLost(f"{key}: {code}; stage the snapshot again")


def code_of(error: ClientError) -> str:
    details: Any = error.response
    return str(details.get("Error", {}).get("Code", ""))


def sha256(body: bytes) -> str:
    """As S3's headers have it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
