"""Workers that are killed at random points: whoever takes the stage up loses nothing and corrupts nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from endpoints.local.hub import HubRepository
from endpoints.locks.files import SELECTION
from tests.contracts.weights.conftest import noise
from tests.contracts.weights.world import BUCKET, World

ROOT = Path(__file__).parents[3]
STAGES = 50
REVISION = hashlib.sha1(b"dying", usedforsecurity=False).hexdigest()
CONTENT = {
    "config.json": b'{"model_type": "llama"}\n',
    "empty.txt": b"",
    "tokenizer.json": noise(5, 30_000),
    "model-00001-of-00003.safetensors": noise(6, 100_000),  # four parts
    "model-00002-of-00003.safetensors": noise(7, 64 * 1024),  # two parts to the byte
    "model-00003-of-00003.safetensors": noise(8, 1_234),
}


@pytest.fixture
def dying(world: World, tmp_path: Path) -> list[HubRepository]:
    for name, body in CONTENT.items():
        (tmp_path / name).write_bytes(body)
    made = [HubRepository(f"acme/dying-{seed}", {REVISION: tmp_path}) for seed in range(STAGES)]
    for repository in made:
        world.hub.server.add(repository)
    return made


def test_fifty_stages_that_are_killed_again_and_again_end_with_every_byte_and_one_manifest(
    world: World, dying: list[HubRepository]
) -> None:
    settings = {
        "s3_url": world.aws.settings.endpoint_url,
        "hub_url": world.hub.url,
        "bucket": BUCKET,
        "revision": REVISION,
        "select": {name: list(patterns) for name, patterns in SELECTION.items()},
        "seeds": list(range(STAGES)),
    }
    program = [sys.executable, "-m", "tests.contracts.weights.dying", json.dumps(settings)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) == STAGES
    assert min(outcome["killed"] for outcome in outcomes) >= 1
    assert sum(outcome["killed"] for outcome in outcomes) > 1.5 * STAGES
    assert [outcome for outcome in outcomes if outcome["too_early"]] == []
    for repository in dying:
        assert world.snapshot(repository) == CONTENT
        assert world.leftovers(repository) == []
        manifest = world.manifest(repository)
        assert manifest is not None
        assert {file["path"]: file["sha256"] for file in manifest["files"]} == {
            path: hashlib.sha256(body).hexdigest() for path, body in CONTENT.items()
        }
