"""One service of AWS beside SageMaker's runtime: a signed request, a whole answer, within a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from lambdas.router.aws.credentials import Credentials, CredentialsError, configured_region
from lambdas.router.aws.endpoints import EndpointError, region_of
from lambdas.router.aws.signing import Signer
from lambdas.router.http.client import Fetched, HttpClient
from lambdas.router.http.errors import HttpError, TimedOut
from lambdas.router.http.origin import Origin


class ServiceError(Exception):
    """No answer came. `code` is a name for the log; it quotes nothing that was sent."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AwsService:
    """Opens nothing and looks for no credentials before the first request.

    `name` is the one that signatures bear; `origin_in` gives the address in a region, or raises EndpointError.
    """

    def __init__(self, name: str, origin_in: Callable[[str], Origin], credentials: Credentials) -> None:
        self._name = name
        self._origin_in = origin_in
        self._credentials = credentials
        self._reached: tuple[Signer, HttpClient] | None = None

    async def fetch(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        timeout_s: float,
        limit_bytes: int,
    ) -> Fetched:
        """The whole answer, whatever its status. Raises ServiceError.

        `path` must need no quoting, and `headers` are signed beside `host`.
        """
        due_s = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(due_s):
                signer, client = self._reached or await self._reach()
                provider = self._credentials.at_hand() or await self._credentials.provider()
            target = client.origin.base_path + path
            request = signer.request(provider, target, headers, body, method=method)
            return await client.fetch(request, due_s, limit_bytes)
        except TimeoutError as error:
            raise ServiceError("CredentialsTimeout") from error
        except CredentialsError as error:
            raise ServiceError(error.cause) from error
        except TimedOut as error:
            raise ServiceError("Timeout") from error
        except (EndpointError, HttpError) as error:
            raise ServiceError(type(error).__name__) from error

    def close(self) -> None:
        """Close the kept connections."""
        if self._reached is not None:
            self._reached[1].close()

    async def _reach(self) -> tuple[Signer, HttpClient]:
        region = region_of(os.environ) or await configured_region()
        if region is None:
            raise CredentialsError("NoRegionError")
        origin = self._origin_in(region)
        self._reached = Signer(region, self._name, origin.host_header), HttpClient(origin)
        return self._reached
