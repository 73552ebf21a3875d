"""The local Hub on two loopback ports, for as long as a test needs it: the Hub's origin and the CDN's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from endpoints.local.hub import HubFault, HubReader, HubRepository, HubRequest, HubServer, Origin, Pace
from tests.support.serving import serving


@dataclass(frozen=True)
class RunningHub:
    """`url` is what HF_ENDPOINT would be."""

    server: HubServer
    url: str
    cdn_url: str

    def fail(self, *faults: HubFault) -> None:
        """Replace the faults in force; none ends them."""
        self.server.faults.put(*faults)

    def requests(self, origin: Origin | None = None) -> list[HubRequest]:
        """What arrived so far."""
        return self.server.requests.all(origin)


@contextmanager
def running_hub(
    *repositories: HubRepository,
    readers: Mapping[str, HubReader] | None = None,
    page_size: int = 1000,
    link_lifetime_s: float = 3600.0,
    pace: Pace | None = None,
) -> Iterator[RunningHub]:
    """A Hub with these repositories; `readers` are its accounts by token."""
    server = HubServer(
        repositories, readers=readers, page_size=page_size, link_lifetime_s=link_lifetime_s, pace=pace
    )
    with serving(server.cdn) as cdn_url, serving(server.hub) as url:
        server.cdn_url = cdn_url
        yield RunningHub(server, url, cdn_url)
