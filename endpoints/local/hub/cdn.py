"""The CDN's origin: large files by their digest, for whoever holds a signed link."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from endpoints.local.hub.bodies import disposition, file_response
from endpoints.local.hub.files import HubFile
from endpoints.local.hub.links import SignedLinks

_DENIED = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>'


class Cdn:
    """`url` is the address under which it is reached, without a slash at the end."""

    def __init__(self, url: str, *, link_lifetime_s: float) -> None:
        self.url = url
        self._links = SignedLinks(link_lifetime_s)
        self._files: dict[str, HubFile] = {}  # by path; what no link was made for is not there

    def link(self, file: HubFile, sha256: str) -> str:
        """An address of the file's bytes that needs no token."""
        path = f"/repos/{sha256[:2]}/{sha256}"
        self._files[path] = file
        return f"{self.url}{path}?{self._links.query(path, disposition(file.path))}"

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/repos/{folder}/{sha256}", self.serve)])

    async def serve(self, request: Request) -> Response:
        """The bytes, or 403 for a link that is not ours, was changed, or has expired."""
        path = f"/repos/{request.path_params['folder']}/{request.path_params['sha256']}"
        file = self._files.get(path)
        if file is None or not self._links.opens(path, request.query_params):
            return Response(_DENIED, 403, media_type="application/xml")
        name = request.query_params["response-content-disposition"]
        return file_response(request, file, {"Content-Disposition": name})
