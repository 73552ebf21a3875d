"""Questions to Hubs, each asked once, however many environments want to know it."""

from __future__ import annotations

from collections.abc import Callable

from endpoints.adapters.hub import HubUnreachableError
from endpoints.adapters.hub_listing import HubAccessError, hub_listing, hub_of, require_access
from endpoints.catalogue import Environment
from endpoints.errors import RemoteError
from endpoints.locks import Listing

Progress = Callable[[str], None]


class HubQuestions:
    """After a silence a Hub is not asked again; `offline`: none is asked at all."""

    def __init__(self, progress: Progress, *, offline: bool) -> None:
        self._progress = progress
        self._offline = offline
        self._listings: dict[tuple[str, str, str], Listing | RemoteError] = {}
        self._access: dict[tuple[str, str], HubAccessError | None] = {}
        self._silent: dict[str, HubUnreachableError] = {}  # Hubs that did not answer, by address

    def listing(self, environment: Environment, repository: str, revision: str) -> Listing | RemoteError:
        """What the environment's Hub says of a repository at a revision, or why it does not."""
        hub_url = hub_of(environment.hub_url)
        if self._offline:
            return self._silent.setdefault(hub_url, HubUnreachableError("the Hub was not asked (--offline)"))
        if hub_url in self._silent:
            return self._silent[hub_url]
        key = (hub_url, repository, revision)
        if key not in self._listings:
            self._progress(f"asking the Hub for {repository} at {revision}")
            try:
                self._listings[key] = hub_listing(repository, revision, hub_url=hub_url)
            except HubUnreachableError as error:
                self._silent[hub_url] = self._listings[key] = error
            except RemoteError as error:
                self._listings[key] = error
        return self._listings[key]

    def no_access(self, environment: Environment, repository: str) -> HubAccessError | None:
        """Why this person may not read the files of a gated repository; None: may, or nobody says so."""
        key = (hub_of(environment.hub_url), repository)
        if key not in self._access:
            self._access[key] = None
            try:
                require_access(repository, hub_url=key[0])
            except HubAccessError as error:
                self._access[key] = error
            except RemoteError:
                pass  # said where files are asked for
        return self._access[key]

    def silence(self, environment: Environment) -> HubUnreachableError | None:
        """Why the environment's Hub did not answer; None when it did, or was not needed."""
        return self._silent.get(hub_of(environment.hub_url))
