"""The Hub's own origin: documents about repositories, and small files; large ones are elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from endpoints.local.hub import documents
from endpoints.local.hub.bodies import disposition, file_response
from endpoints.local.hub.cdn import Cdn
from endpoints.local.hub.files import HubFile
from endpoints.local.hub.readers import HubReader, may_read_files, may_see
from endpoints.local.hub.refusals import HubRefusal, answer_refusal
from endpoints.local.hub.repositories import HubRepository

BODY_LIMIT_BYTES: Final = 256 * 1024
_MODEL: Final = "/api/models/{owner}/{name}"
_NOT_FOUND: Final = "Entry not found"


class HubApi:
    """The application of the Hub's origin. `page_size` is how many entries of a tree come at once."""

    def __init__(
        self,
        repositories: Mapping[str, HubRepository],
        readers: Mapping[str, HubReader],
        cdn: Cdn,
        *,
        page_size: int,
    ) -> None:
        self._repositories = repositories
        self._readers = readers
        self._cdn = cdn
        self._page_size = page_size

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/whoami-v2", self.whoami),
                Route(_MODEL, self.info),
                Route(_MODEL + "/revision/{revision}", self.info),
                Route(_MODEL + "/commits/{revision}", self.commits),
                Route(_MODEL + "/tree/{revision}", self.tree),
                Route(_MODEL + "/tree/{revision}/{path:path}", self.tree),
                Route(_MODEL + "/paths-info/{revision}", self.paths_info, methods=["POST"]),
                Route(_MODEL + "/auth-check", self.auth_check),
                Route("/api/resolve-cache/models/{owner}/{name}/{revision}/{path:path}", self.cached),
                Route("/{owner}/{name}/resolve/{revision}/{path:path}", self.resolve),
            ],
            exception_handlers={HubRefusal: answer_refusal},
        )

    async def whoami(self, request: Request) -> Response:
        """Whose token it is."""
        reader = self._reader(request)
        if reader is None:
            raise HubRefusal(401, None, "Invalid username or password.")
        return JSONResponse(documents.whoami(reader))

    async def auth_check(self, request: Request) -> Response:
        """Whether the files may be read."""
        may_read_files(self._repository(request), self._reader(request))
        return JSONResponse({"message": "OK"})

    async def info(self, request: Request) -> Response:
        """A model at a revision. Everybody sees what a gated repository holds; its files are behind the gate."""
        repository = self._repository(request)
        commit = _commit(repository, request.path_params.get("revision", "main"))
        files = await asyncio.to_thread(repository.files, commit)
        blobs = request.query_params.get("blobs", "").lower() == "true"
        return JSONResponse(documents.model_info(repository, commit, files, blobs=blobs))

    async def commits(self, request: Request) -> Response:
        """The commits of a revision, the newest first."""
        repository = self._repository(request)
        commit = _commit(repository, request.path_params["revision"])
        return JSONResponse(documents.commits(repository, commit))

    async def tree(self, request: Request) -> Response:
        """The files of a revision, a page at a time; `Link` says where the next one is."""
        repository = self._repository(request)
        commit, below = (
            _commit(repository, request.path_params["revision"]),
            request.path_params.get("path", ""),
        )
        recursive, expand = (_flag(request, name) for name in ("recursive", "expand"))
        files = await asyncio.to_thread(repository.files, commit)
        entries = documents.tree(files, below, recursive=recursive, expand=expand)
        if below and not entries:
            revision = request.path_params["revision"]
            raise HubRefusal(404, "EntryNotFound", f'{below} does not exist on "{revision}"')
        return self._page(request, entries)

    async def paths_info(self, request: Request) -> Response:
        """Some files of a revision; paths that do not exist are left out."""
        repository = self._repository(request)
        commit = _commit(repository, request.path_params["revision"])
        form = parse_qs((await _body(request)).decode())
        found = [await self._file(repository, commit, path) for path in form.get("paths", [])]
        expand = form.get("expand", [""])[0].lower() == "true"
        return JSONResponse([documents.tree_file(file, expand=expand) for file in found if file])

    async def resolve(self, request: Request) -> Response:
        """Where a file's bytes are: on the CDN for LFS files, else at this origin under the commit."""
        repository, commit, file = await self._resolved(request)
        headers = {
            "X-Repo-Commit": commit,
            "X-Linked-Size": str(file.size_bytes),
            "X-Linked-Etag": f'"{file.etag}"',
            "Accept-Ranges": "bytes",
        }
        if file.sha256:
            return _redirect(302, self._cdn.link(file, file.sha256), headers)
        path = f"/api/resolve-cache/models/{repository.repo_id}/{commit}/{quote(file.path)}"
        query = urlencode({request.url.path: "", "etag": headers["X-Linked-Etag"]})
        return _redirect(307, f"{request.scope.get('root_path', '')}{path}?{query}", headers)

    async def cached(self, request: Request) -> Response:
        """A small file at a commit."""
        _, commit, file = await self._resolved(request)
        headers = {"X-Repo-Commit": commit, "Content-Disposition": disposition(file.path)}
        return file_response(request, file, headers)

    def _reader(self, request: Request) -> HubReader | None:
        """Whose token came with the request; None for a stranger. Raises `HubRefusal` for an unknown token."""
        given = request.headers.get("authorization")
        if given is None:
            return None
        reader = self._readers.get(given.removeprefix("Bearer ").strip())
        if reader is None:
            raise HubRefusal(401, None, "Invalid credentials in Authorization header")
        return reader

    def _repository(self, request: Request) -> HubRepository:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        return may_see(self._repositories.get(name), self._reader(request))

    async def _resolved(self, request: Request) -> tuple[HubRepository, str, HubFile]:
        repository = self._repository(request)
        may_read_files(repository, self._reader(request))
        commit = _commit(repository, request.path_params["revision"])
        file = await self._file(repository, commit, request.path_params["path"])
        if file is None:
            raise HubRefusal(404, "EntryNotFound", _NOT_FOUND, {"X-Repo-Commit": commit})
        return repository, commit, file

    async def _file(self, repository: HubRepository, commit: str, path: str) -> HubFile | None:
        return await asyncio.to_thread(repository.file, commit, path)

    def _page(self, request: Request, entries: list[dict[str, Any]]) -> Response:
        cursor = request.query_params.get("cursor", "0")
        start = int(cursor) if cursor.isdigit() else 0
        end = start + self._page_size
        headers = {}
        if end < len(entries):
            following = request.url.include_query_params(cursor=str(end))
            headers["Link"] = f'<{following}>; rel="next"'
        return JSONResponse(entries[start:end], headers=headers)


def _commit(repository: HubRepository, revision: str) -> str:
    commit = repository.commit(revision)
    if commit is None:
        raise HubRefusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    return commit


def _redirect(status: int, location: str, headers: Mapping[str, str]) -> Response:
    words = {302: "Found", 307: "Temporary Redirect"}[status]
    return PlainTextResponse(f"{words}. Redirecting to {location}", status, {**headers, "Location": location})


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise HubRefusal(413, None, "request entity too large")
    return bytes(body)
