"""The route table's object in S3, asked for with the ETag of the one that is known.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from lambdas.router.aws.credentials import Credentials
from lambdas.router.aws.endpoints import s3_bucket
from lambdas.router.aws.service import AwsService, ServiceError
from lambdas.router.refreshed_table import TableUnavailable

MAX_TABLE_BYTES = 4 * 1024 * 1024
_TIMEOUT_S = 10.0  # nobody waits for it
# A key that needs no quoting: one way to spell it in the path, for S3 and for its signature.
_URL = re.compile(r"s3://(?P<bucket>[a-z0-9.-]+)/(?P<key>[A-Za-z0-9._/-]{1,512})")
_CODE = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")


class Version(NamedTuple):
    """One version of the object."""

    text: bytes
    etag: str


class TableObject:
    """`url` is `s3://bucket/key`. Opens nothing before the first fetch. Raises ValueError for another URL."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        found = _URL.fullmatch(url)
        if found is None:
            raise ValueError(
                f"ROUTE_TABLE_URL is {url!r:.200}, allowed: s3://bucket/key of letters, digits, . _ / -"
            )
        bucket = found["bucket"]
        self._path = f"/{found['key']}"
        self._service = AwsService("s3", lambda region: s3_bucket(bucket, region, os.environ), credentials)

    async def fetch(self, etag: str | None) -> Version | None:
        """The object; None where it still is the one with `etag`. Raises TableUnavailable."""
        headers = [] if etag is None else [("if-none-match", etag)]
        try:
            answer = await self._service.fetch(
                "GET", self._path, headers, b"", timeout_s=_TIMEOUT_S, limit_bytes=MAX_TABLE_BYTES
            )
        except ServiceError as error:
            raise TableUnavailable(error.code) from error
        if answer.status == 304:
            return None
        if answer.status != 200:
            code = _CODE.search(answer.body[:4096])
            raise TableUnavailable(code.group(1).decode() if code else f"Http{answer.status}")
        return Version(answer.body, answer.headers.get("etag", ""))

    def close(self) -> None:
        """Close the kept connections."""
        self._service.close()
