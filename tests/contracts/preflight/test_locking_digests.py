"""`adept lock --image-digests` through real botocore clients: what a registry is asked, and what a lock makes of it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from endpoints.adapters.lock_files import LockUpdate, LockUpdater, LockWish
from endpoints.catalogue import load_catalogue
from endpoints.errors import LockError, RemoteError
from endpoints.locks import read_lock
from tests.contracts.preflight.test_account import REGION, Stubbed

CATALOGUE = load_catalogue()
DIGEST = "sha256:" + "d" * 64


@pytest.fixture
def registry() -> Iterator[Stubbed]:
    stubbed = Stubbed(boto3.Session("key", "secret", region_name=REGION), REGION)
    yield stubbed
    for stub in stubbed.stubs.values():
        stub.assert_no_pending_responses()


def _locked(registry: Stubbed) -> LockUpdate:
    wish = LockWish(offline=True, account_of=lambda _: registry)
    updater = LockUpdater(CATALOGUE, wish, lambda _: None)
    return updater.update(CATALOGUE.environment("staging"), read_lock("staging"), {})


def test_every_candidate_gets_the_digest_of_its_image_and_the_registry_is_asked_once(
    registry: Stubbed,
) -> None:
    found = {"images": [{"imageId": {"imageDigest": DIGEST}}], "failures": []}
    registry.answers("ecr", "batch_get_image", found)

    update = _locked(registry)

    assert {one.image.digest for one in update.after.candidates} == {DIGEST}


def test_an_image_that_the_registry_lacks_is_not_locked(registry: Stubbed) -> None:
    registry.answers("ecr", "batch_get_image", {"images": [], "failures": []})

    with pytest.raises(LockError, match="the registry of us-east-1 has no huggingface-pytorch-tgi-inference"):
        _locked(registry)


def test_a_registry_that_may_not_be_asked_is_said_so(registry: Stubbed) -> None:
    registry.refuses("ecr", "batch_get_image", "AccessDeniedException")

    with pytest.raises(RemoteError, match="look for the image"):
        _locked(registry)
