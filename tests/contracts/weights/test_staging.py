"""From the Hub into the bucket, by the real functions and state machines on the embedded AWS."""

from __future__ import annotations

from endpoints.local.hub import HubRepository
from tests.contracts.weights.world import World, files_of


def test_a_snapshot_is_copied_byte_for_byte_and_its_manifest_says_so(
    world: World, repository: HubRepository
) -> None:
    ended = world.stage(repository)
    assert (ended.status, ended.cause) == ("SUCCEEDED", None)
    prefix = f"{repository.repo_id}/{repository.commit('main')}/"
    stored = {key.removeprefix(prefix): body for key, body in world.objects(prefix).items()}
    assert stored == files_of(repository)
    assert world.objects("_staging/") == {}
    assert world.uploads() == []
