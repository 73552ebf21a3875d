"""Both origins of the local Hub over the same repositories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.types import ASGIApp

from endpoints.local.hub.api import HubApi
from endpoints.local.hub.cdn import Cdn
from endpoints.local.hub.faults import HubFaults
from endpoints.local.hub.observed import Observed
from endpoints.local.hub.pace import Pace
from endpoints.local.hub.readers import HubReader
from endpoints.local.hub.repositories import HubRepository
from endpoints.local.hub.requests import HubRequests, Origin

PAGE_SIZE: Final = 1000  # the Hub's own
LINK_LIFETIME_S: Final = 3600.0


class HubServer:
    """`hub` and `cdn` are ASGI applications, to be served at two addresses or below two paths of one.

    `cdn_url` is where the second one is reached; it may be set once that is known. `readers` are accounts by token.
    `pace` is how fast both answer; as fast as this machine does unless it is given.
    """

    def __init__(
        self,
        repositories: Iterable[HubRepository],
        cdn_url: str = "",
        *,
        readers: Mapping[str, HubReader] | None = None,
        page_size: int = PAGE_SIZE,
        link_lifetime_s: float = LINK_LIFETIME_S,
        pace: Pace | None = None,
    ) -> None:
        self.repositories = {repository.repo_id: repository for repository in repositories}
        self.faults = HubFaults()
        self.requests = HubRequests()
        self._cdn = Cdn(cdn_url, link_lifetime_s=link_lifetime_s)
        api = HubApi(self.repositories, readers or {}, self._cdn, page_size=page_size)
        pace = pace or Pace()
        self.hub: ASGIApp = Observed(api.app(), Origin.HUB, self.requests, self.faults, pace)
        self.cdn: ASGIApp = Observed(self._cdn.app(), Origin.CDN, self.requests, self.faults, pace)

    @property
    def cdn_url(self) -> str:
        return self._cdn.url

    @cdn_url.setter
    def cdn_url(self, url: str) -> None:
        self._cdn.url = url.rstrip("/")

    def add(self, repository: HubRepository) -> None:
        """Serve one more repository, or another state of one."""
        self.repositories[repository.repo_id] = repository
