"""The edge towards the Hub: urllib3, with redirects in our own hands.

The token goes to the Hub's origin (scheme, host, port) alone; the CDN's addresses carry signatures of their own and
are never logged. An exception of urllib3 quotes addresses, so none is passed on or chained.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore
import urllib3
from urllib3.exceptions import HTTPError

from lambdas.weights.errors import BadRequest, HubFileChanged, HubTruncated, HubUnavailable, StagingError
from lambdas.weights.hub_answers import Asker, cdn_fault, check_facts, fault_of
from lambdas.weights.origins import Origin, redirected
from lambdas.weights.parts import Span
from lambdas.weights.patience import Patience
from lambdas.weights.snapshot import FileFacts, Snapshot, is_path
from lambdas.weights.token_source import TokenSource

DEFAULT_URL = "https://huggingface.co"
USER_AGENT = "adept-stager/1"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_HOPS = 5
_PIECE_BYTES = 1024 * 1024
_LISTING_BYTES = 32 * 1024 * 1024
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
# The Hub's own answers say which commit and file they are about; the CDN's say nothing of that kind.
_FACTS = ("x-repo-commit", "x-linked-etag", "x-linked-size", "etag")


@dataclass(frozen=True)
class Answer:
    """An answer after redirects. `facts` are the Hub's own headers, `from_hub` whether the body is the Hub's, too."""

    response: urllib3.BaseHTTPResponse
    headers: Mapping[str, str]
    facts: Mapping[str, str]
    from_hub: bool


class Hub:
    """Reads one Hub. `environment` is named in what people are told to do."""

    def __init__(self, url: str, tokens: TokenSource, *, environment: str) -> None:
        self.url = url.rstrip("/")
        try:
            self._origin = Origin.of(self.url)
        except ValueError as error:
            raise BadRequest(f"HF_ENDPOINT: {error}") from None
        self._tokens = tokens
        self._environment = environment
        self._pool = urllib3.PoolManager(
            maxsize=4,
            retries=False,
            timeout=_TIMEOUT,
            ca_certs=str(Path(botocore.__file__).parent / "cacert.pem"),
        )

    def files(self, snapshot: Snapshot, patience: Patience) -> dict[str, FileFacts]:
        """Every file of the commit by path, with size and digest. Raises `StagingError`."""
        path = f"/api/models/{quote(snapshot.repository)}/revision/{snapshot.revision}?blobs=true"
        with self._opened(path, {}, snapshot, f"{snapshot}", patience) as answer:
            document = _json(_body(answer.response, _LISTING_BYTES, f"the files of {snapshot}"), snapshot)
        if document.get("sha") != snapshot.revision:
            raise HubFileChanged(f"{snapshot}: the Hub describes commit {document.get('sha')!r:.60}")
        return {file.path: file for sibling in document.get("siblings") or [] for file in _listed(sibling)}

    def read(self, snapshot: Snapshot, file: FileFacts, span: Span | None, patience: Patience) -> bytes:
        """The bytes of `span`, or of the whole file. Raises `StagingError` unless they are all there."""
        what = f"{file.path} of {snapshot}"
        length = file.size_bytes if span is None else span.length
        wanted = {} if span is None else {"range": f"bytes={span.offset}-{span.last}"}
        path = f"/{quote(snapshot.repository)}/resolve/{snapshot.revision}/{quote(file.path)}"
        with self._opened(path, wanted, snapshot, what, patience) as answer:
            check_facts(answer.facts, file, snapshot)
            _check_extent(answer, file, span, what)
            body = _body(answer.response, length, what)
        if len(body) != length:
            raise HubTruncated(f"{what}: {len(body)} bytes came, {length} were asked for")
        return body

    @contextmanager
    def _opened(
        self, path: str, headers: Mapping[str, str], snapshot: Snapshot, what: str, patience: Patience
    ) -> Iterator[Answer]:
        """A successful answer, followed through redirects; its connection is free again afterwards."""
        while True:
            token = self._tokens.token()
            asker = Asker(snapshot, self.url, self._environment, has_token=token is not None)
            answer = self._followed(self.url + path, headers, token, what)
            try:
                if answer.response.status in (200, 206):
                    yield answer
                    return
                fault = self._fault(answer, asker, what, patience)
            finally:
                answer.response.close()  # what was not read of it is not worth reading
                answer.response.release_conn()
            if fault is not None:
                raise fault

    def _fault(self, answer: Answer, asker: Asker, what: str, patience: Patience) -> StagingError | None:
        """What went wrong; None where asking again is right: after a wait, or with a newer token."""
        status = answer.response.status
        if status == 429:
            patience.wait(answer.headers)
            return None
        if not answer.from_hub:
            return cdn_fault(status, what)
        if status in (401, 403) and self._tokens.changed():
            return None
        return fault_of(status, answer.headers, asker, what)

    def _followed(self, url: str, headers: Mapping[str, str], token: str | None, what: str) -> Answer:
        facts: dict[str, str] = {}
        for _ in range(_MOST_HOPS):
            from_hub = Origin.of(url) == self._origin
            response = self._request(url, {**headers, **_authorization(token if from_hub else None)}, what)
            answered = {name.lower(): value for name, value in response.headers.items()}
            if from_hub:
                facts.update({name: answered[name] for name in _FACTS if name in answered})
            target = answered.get("location")
            if response.status not in _REDIRECTS or not target:
                return Answer(response, answered, facts, from_hub)
            response.drain_conn()
            url = redirected(url, target, self._origin, what)
        raise HubUnavailable(f"The Hub redirects more than {_MOST_HOPS} times for {what}")

    def _request(self, url: str, headers: Mapping[str, str], what: str) -> urllib3.BaseHTTPResponse:
        sent = {"user-agent": USER_AGENT, "accept-encoding": "identity", **headers}
        try:
            return self._pool.request(
                "GET", url, headers=sent, redirect=False, preload_content=False, decode_content=False
            )
        except HTTPError as error:
            host, name = Origin.of(url).host, type(error).__name__
        raise HubUnavailable(f"{host} could not be reached for {what} ({name})")


def _authorization(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


def _check_extent(answer: Answer, file: FileFacts, span: Span | None, what: str) -> None:
    """Raises `HubTruncated` unless the answer says that it holds exactly what was asked for."""
    headers, status = answer.headers, answer.response.status
    if headers.get("content-encoding", "identity") != "identity":
        raise HubTruncated(f"{what} came encoded ({headers['content-encoding'][:20]})")
    if span is None:
        if status != 200:
            raise HubTruncated(f"{what}: the whole file was asked for, the answer has status {status}")
        return
    extent, wanted = headers.get("content-range", ""), f"bytes {span.offset}-{span.last}/{file.size_bytes}"
    if status != 206 or extent != wanted:
        raise HubTruncated(
            f"{what}: {wanted} was asked for, the answer has status {status} and {extent[:60]!r}"
        )


def _body(response: urllib3.BaseHTTPResponse, most_bytes: int, what: str) -> bytes:
    body = bytearray()
    try:
        for piece in response.stream(_PIECE_BYTES, decode_content=False):
            body += piece
            if len(body) > most_bytes:
                raise HubTruncated(f"{what}: more than the {most_bytes} bytes that were asked for came")
        return bytes(body)
    except HTTPError as error:
        name = type(error).__name__
    raise HubTruncated(f"{what}: the answer broke off after {len(body)} bytes ({name})")


def _json(raw: bytes, snapshot: Snapshot) -> Mapping[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise HubUnavailable(f"The Hub's description of {snapshot} is no JSON object")
    return document


def _listed(sibling: Mapping[str, Any]) -> Iterator[FileFacts]:
    """A sibling of `?blobs=true`: for an LFS file `blobId` is the pointer's, so the sha256 counts.

    A path that no bucket of ours would hold is left out: no lock names it, and no selection takes it.
    """
    path = str(sibling.get("rfilename"))
    if not is_path(path):
        return
    lfs = sibling.get("lfs") or {}
    yield FileFacts.parse(
        {
            "path": path,
            "size_bytes": lfs.get("size", sibling.get("size")),
            "sha256": lfs.get("sha256"),
            "git_blob": None if lfs else sibling.get("blobId"),
        }
    )
