"""Two stagings at once are one copy, whoever asks for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from endpoints.local.hub import HubFault, HubRepository, Origin
from endpoints.locks.files import SELECTION
from lambdas.weights.joining import Staging, start_or_join
from lambdas.weights.snapshot import Snapshot
from tests.contracts.weights.world import World, files_of

SHARD = "model-00002-of-00003.safetensors"


def test_two_stagings_at_once_do_one_copy(world: World, repository: HubRepository) -> None:
    # Given a Hub that takes its time, so that everybody is there before the copy ends
    world.hub.fail(HubFault(path="/api/*", delay_s=1.0))
    snapshot = Snapshot.of(repository.repo_id, str(repository.commit("main")))

    def asked(number: int) -> Staging:
        # One caller's lock has the files, the others' have not: it is the same snapshot.
        request = {"repository": repository.repo_id, "revision": snapshot.revision, "files": None}
        return start_or_join(
            world.client("stepfunctions"),
            world.arns["stager"],
            snapshot,
            {**request, "select": {name: list(found) for name, found in SELECTION.items()}, "by": number},
            is_staged=lambda: world.manifest(repository) is not None,
        )

    with ThreadPoolExecutor(5) as pool:
        stagings = list(pool.map(asked, range(5)))
    (arn,) = {staging.arn for staging in stagings}
    assert world.wait(str(arn)).status == "SUCCEEDED"

    # Then every file was fetched once (the smallest one once more, to see whether it may be read)
    assert world.snapshot(repository) == files_of(repository)
    asked_for = [request.path for request in world.hub.requests(Origin.HUB) if "/resolve/" in request.path]
    assert len([path for path in asked_for if path.endswith(SHARD)]) == 1
    assert asked(9).arn is None
