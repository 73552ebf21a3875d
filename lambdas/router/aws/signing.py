"""SigV4 by AWS's own code: the Common Runtime's native signer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest

from lambdas.router.aws.credentials import CredentialsError

_USER_AGENT = "adept-router"
_ADDED = ("X-Amz-Date", "X-Amz-Security-Token", "x-amz-content-sha256", "Authorization")
"""The headers that a signature can add."""


class Signer(NamedTuple):
    """Signs requests to one service in one region, at one host."""

    region: str
    service: str
    host: str

    def request(
        self,
        credentials: AwsCredentialsProvider,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        method: str = "POST",
    ) -> bytes:
        """A whole HTTP/1.1 request, ready to be sent.

        `headers` are those to sign beside `host`. Raises CredentialsError when the credentials give no key.
        """
        given = [("host", self.host), *headers]
        signed = HttpHeaders(given)
        self.sign(HttpRequest(method, target, signed), credentials, body, datetime.now(UTC))
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in given]
        lines += [f"{name}: {value}" for name in _ADDED if (value := signed.get(name)) is not None]
        lines += [f"content-length: {len(body)}", f"user-agent: {_USER_AGENT}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + body

    def sign(
        self, request: HttpRequest, credentials: AwsCredentialsProvider, body: bytes, now: datetime
    ) -> None:
        """Add the signature's headers to `request`."""
        is_s3 = (
            self.service == "s3"
        )  # it signs paths as they are sent, and wants the body's digest in a header
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=credentials,
            region=self.region,
            service=self.service,
            date=now,
            signed_body_value=sha256(
                body
            ).hexdigest(),  # given, the signer need not read the body through Python
            signed_body_header_type=(
                AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256 if is_s3 else AwsSignedBodyHeaderType.NONE
            ),
            use_double_uri_encode=not is_s3,
            should_normalize_uri_path=not is_s3,
        )
        try:
            aws_sign_request(request, config).result()  # done when it returns: nothing of it waits
        except AwsCrtError as error:
            raise CredentialsError(error.name) from error
