"""Container images per engine, as `tools.lock_containers` wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import StringConstraints

from endpoints.catalogue.schema.base import NonEmpty, Record, Region
from endpoints.catalogue.schema.choices import Engine
from endpoints.errors import CatalogueError

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
ImageDigest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""The content of an image. A tag can be moved, a digest cannot."""

DEFAULT_DNS_SUFFIX = "amazonaws.com"


class Container(Record):
    """One image. `host_ami` is the SageMaker inference AMI whose driver runs the image's CUDA version.

    `dns_suffixes` names only the regions outside the commercial partition. `digest` is what the tag meant when an
    environment was locked; it stands in lock files, never in containers.yaml.
    """

    engine: Engine
    engine_version: NonEmpty
    repository: NonEmpty
    tag: NonEmpty
    digest: ImageDigest | None = None
    cuda: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")]
    host_ami: NonEmpty
    accounts: Mapping[Region, AccountId]
    dns_suffixes: Mapping[Region, NonEmpty]

    def account(self, region: str) -> str:
        """AWS's account that publishes it in `region`. Raises CatalogueError when there is none."""
        if region not in self.accounts:
            raise CatalogueError(
                f"no {self.engine} image is published in region {region!r}",
                remedy=f"Published in: {', '.join(sorted(self.accounts))}.",
            )
        return self.accounts[region]

    def image_uri(self, region: str) -> str:
        """The image in ECR of `region`: by digest where one is known (SageMaker takes a tag or a digest, not both).

        Raises CatalogueError when AWS does not publish it there.
        """
        pinned = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self._registry(region)}/{self.repository}{pinned}"

    def tagged_uri(self, region: str) -> str:
        """The image by its tag, whether or not a digest is known. Raises CatalogueError as `image_uri` does."""
        return f"{self._registry(region)}/{self.repository}:{self.tag}"

    def _registry(self, region: str) -> str:
        suffix = self.dns_suffixes.get(region, DEFAULT_DNS_SUFFIX)
        return f"{self.account(region)}.dkr.ecr.{region}.{suffix}"
