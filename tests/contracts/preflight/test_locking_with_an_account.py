"""`adept lock` and an account, through real botocore clients: what the registry and the bucket make of a lock."""

from __future__ import annotations

import io
from collections.abc import Iterator

import boto3
import pytest
from botocore.response import StreamingBody

from endpoints.adapters.lock_files import LockUpdate, LockUpdater, LockWish
from endpoints.catalogue import load_catalogue
from endpoints.errors import LockError, RemoteError
from endpoints.locks import read_lock
from endpoints.weights.manifest import contradicted_by
from tests.contracts.preflight.test_account import REGION, Stubbed
from tests.unit.preflight.support import FILES, LLAMA, staged

CATALOGUE = load_catalogue()
DIGEST = "sha256:" + "d" * 64


@pytest.fixture
def registry() -> Iterator[Stubbed]:
    stubbed = Stubbed(boto3.Session("key", "secret", region_name=REGION), REGION)
    yield stubbed
    for stub in stubbed.stubs.values():
        stub.assert_no_pending_responses()


def _locked(registry: Stubbed) -> LockUpdate:
    updater = LockUpdater(CATALOGUE, LockWish(offline=True, digests=True), lambda _: None, lambda _: registry)
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


def test_files_that_the_hub_does_not_tell_are_recorded_as_they_are_staged(registry: Stubbed) -> None:
    # Given a bucket that holds one of two snapshots whole
    outputs = [
        {"OutputKey": "WeightsBucketName", "OutputValue": "b"},
        {"OutputKey": "TokenSecretArn", "OutputValue": "s"},
    ]
    stack = {"StackName": "s", "CreationTime": 0, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}
    registry.answers("cloudformation", "describe_stacks", {"Stacks": [stack]})
    lock = read_lock("sandbox")
    assert [one.key for one in lock.snapshots][1] == LLAMA
    registry.answers("s3", "list_objects_v2", {"IsTruncated": False})
    registry.refuses("s3", "get_object", "NoSuchKey", status=404)
    manifest = staged().manifest
    assert manifest is not None
    body = manifest.to_json().encode()
    registry.answers("s3", "list_objects_v2", {"IsTruncated": False})
    registry.answers("s3", "get_object", {"Body": StreamingBody(io.BytesIO(body), len(body))})

    # When it is locked where the Hub cannot be asked
    wish = LockWish(offline=True, staged=True)
    updater = LockUpdater(CATALOGUE, wish, lambda _: None, lambda _: registry)
    update = updater.update(CATALOGUE.environment("sandbox"), lock, {})

    # Then that one is recorded with the digests that were proved
    empty, llama = update.after.snapshots
    assert (empty.files, update.unrecorded) == (None, (empty.name,))
    assert [(file.path, file.sha256) for file in llama.files or ()] == [
        (file.path, file.sha256) for file in FILES
    ]
    assert contradicted_by(manifest, llama.files or ()) == ()
    assert f"{llama.name} is recorded as it was staged from https://huggingface.co." in update.notes


def test_a_registry_that_may_not_be_asked_is_said_so(registry: Stubbed) -> None:
    registry.refuses("ecr", "batch_get_image", "AccessDeniedException")

    with pytest.raises(RemoteError, match="look for the image"):
        _locked(registry)
