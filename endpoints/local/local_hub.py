"""The Hub inside the embedded AWS: it has the models that stand in here, and the stager copies them from it."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from endpoints.catalogue import load_catalogue
from endpoints.errors import CatalogueError
from endpoints.local.hub import Digests, HubRepository, HubServer
from endpoints.local.model_source import LocalModels, ModelSource
from endpoints.local.settings import CDN_PATH, HUB_PATH, LocalSettings
from endpoints.locks import selected


class LocalHub:
    """The two origins of a Hub, below two paths of the embedded AWS."""

    def __init__(self, settings: LocalSettings, models: LocalModels) -> None:
        digests = Digests(settings.digest_file)
        repositories = [repository(source, digests) for source in models.snapshots]
        # Another host name for the same address: clients tell origins apart by it, and keep their token from this one.
        self.server = HubServer(repositories, f"http://localhost:{settings.port}{CDN_PATH}")
        self._mounts: dict[str, ASGIApp] = {HUB_PATH: self.server.hub, CDN_PATH: self.server.cdn}

    def serves(self, scope: Scope) -> bool:
        """Whether a request is for the Hub or its CDN."""
        return scope["type"] == "http" and _mount(scope["path"]) in self._mounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mount = _mount(scope["path"])
        await self._mounts[mount]({**scope, "root_path": mount}, receive, send)


def repository(source: ModelSource, digests: Digests) -> HubRepository:
    """A stand-in as a repository with one commit: the files that an engine needs, and no others of its folder."""
    return HubRepository(
        source.name,
        {source.revision or "": Path(source.location)},
        licence=licence_of(source.name),
        holds=lambda path: bool(selected([path])),
        digests=digests,
    )


def licence_of(repository: str) -> str | None:
    """The catalogue's word for it; None for what it does not list."""
    try:
        return load_catalogue().model(repository).licence.id
    except CatalogueError:
        return None


def _mount(path: str) -> str:
    """The first two segments: `/_adept/hub`."""
    return "/".join(path.split("/", 3)[:3])
