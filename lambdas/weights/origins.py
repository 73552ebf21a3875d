"""Whom a request goes to, which decides who may see the token.

Addresses are read by urllib3's own parser: what is compared here is what a connection would be opened to.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from lambdas.weights.errors import HubUnavailable

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port: two addresses of one origin belong to one party."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Raises ValueError for what is no http or https address."""
        try:
            parts = parse_url(url)
        except LocationParseError:
            raise ValueError("no address") from None
        if parts.scheme not in _PORTS or not parts.host or parts.auth:
            raise ValueError("no http or https address without credentials")
        return cls(parts.scheme, parts.host.lower(), parts.port or _PORTS[parts.scheme])


def redirected(url: str, location: str, hub: Origin, what: str) -> str:
    """The address that an answer from `url` points to.

    Raises `HubUnavailable` for what is none, and where it would leave https.
    """
    try:
        following = urljoin(url, location)
        target = Origin.of(following)
    except ValueError:
        raise HubUnavailable(f"The Hub redirects to something that is no address for {what}") from None
    if hub.scheme == "https" != target.scheme:
        raise HubUnavailable(f"The Hub redirects to {target.host} without https for {what}")
    return following
