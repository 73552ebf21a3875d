"""A program that stages snapshots and dies while it does: `python -m tests.contracts.weights.dying SETTINGS`.

Every stage runs in a forked process that ends by SIGKILL: right before or right after its n-th request to S3 or the
Hub, or after some milliseconds, wherever it is then. Another process takes the stage up, until one comes through.
A line of JSON per stage tells what happened.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from botocore.session import Session

from lambdas.weights import parts
from lambdas.weights.attempt import Attempt
from lambdas.weights.errors import StagingError
from lambdas.weights.hub import Hub
from lambdas.weights.snapshot import Snapshot
from lambdas.weights.store import SnapshotStore
from lambdas.weights.token_source import TokenSource
from lambdas.weights.worker import Worker

PART_BYTES = 32 * 1024  # the embedded S3 takes parts of any size
FEWEST_REQUESTS = 50  # a stage that begins with nothing and is not killed makes more
LOST = 3


@dataclass(frozen=True)
class Settings:
    """The program's argument, as JSON. `seeds` name the stages: `acme/dying-<seed>`."""

    s3_url: str
    hub_url: str
    bucket: str
    revision: str
    select: dict[str, list[str]]
    seeds: list[int]


@dataclass
class Outcome:
    """Of one stage: how its processes ended, and whether a manifest was ever there before every byte was.

    `lost` counts those that another one got in the way of.
    """

    seed: int
    killed: int = 0
    lost: int = 0
    too_early: bool = False


class Death:
    """Kills this process at its n-th request; `seen` counts those of all kinds."""

    def __init__(self, at: int | None, *, before: bool) -> None:
        self._at = at
        self._before = before
        self._seen = 0

    def before(self, **_event: object) -> None:
        self._seen += 1
        if self._before and self._seen == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, **_event: object) -> None:
        if not self._before and self._seen == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalHub(Hub):
    """A Hub whose requests count, too."""

    death = Death(None, before=True)

    def _request(self, *arguments: Any) -> Any:
        self.death.before()
        answer = super()._request(*arguments)
        self.death.after()
        return answer


class _NoSecret:
    def get_secret_value(self, **_arguments: object) -> dict[str, str]:
        return {"SecretString": ""}


def main() -> int:
    settings = Settings(**json.loads(sys.argv[1]))
    parts.SMALLEST_PART_BYTES = PART_BYTES
    # Made before any fork, because that is slow; its first connection is opened by each child.
    client = _client(settings)
    watching = SnapshotStore(_client(settings), settings.bucket)
    for seed in settings.seeds:
        outcome = _stage_until_it_is_done(seed, settings, client, watching)
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
        sys.stdout.flush()
    return 0


def _client(settings: Settings) -> Any:
    return Session().create_client(
        "s3",
        endpoint_url=settings.s3_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _stage_until_it_is_done(seed: int, settings: Settings, client: Any, watching: SnapshotStore) -> Outcome:
    chance = random.Random(seed)  # noqa: S311 -- repeatable
    outcome = Outcome(seed)
    snapshot = Snapshot.of(f"acme/dying-{seed}", settings.revision)
    running: list[int] = []

    def ended(child: int) -> int:
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        outcome.killed += exit_code == -signal.SIGKILL
        outcome.lost += exit_code == LOST
        outcome.too_early |= _is_too_early(snapshot, watching)
        return exit_code

    attempts = (Attempt(snapshot, f"dying-{number}") for number in itertools.count(1))

    def begun(fate: Fate) -> int:
        attempt = next(attempts)
        return _in_a_process(lambda: _stage(attempt, settings, client, chance), client, fate)

    for fate in _fates(chance):
        child = begun(fate)
        if fate.lives_on:
            running.append(child)
            time.sleep(chance.uniform(0.0, 0.3))
        else:
            ended(child)
    for _ in range(4):
        child = begun(Fate())
        if ended(child) == 0 and not running:
            return outcome
        while running:
            ended(running.pop())  # what it leaves behind the next one clears away
    raise SystemExit(f"stage {seed} did not come through")


@dataclass(frozen=True)
class Fate:
    """When a process dies: at a request, or after a time. One that lives on works beside the next one, as the worker
    of a stage that somebody stopped does.
    """

    request: int | None = None
    before: bool = True
    after_s: float | None = None
    lives_on: bool = False


def _fates(chance: random.Random) -> Iterator[Fate]:
    """The first one dies surely: no stage gets by with so few requests. Later ones may find nothing left to do."""
    yield Fate(chance.randint(1, FEWEST_REQUESTS), before=chance.random() < 0.5)
    for _ in range(chance.randint(0, 3)):
        kind = chance.random()
        if kind < 0.3:
            yield Fate(after_s=chance.uniform(0.0, 0.4))
        elif kind < 0.5:
            yield Fate(lives_on=True)
        else:
            yield Fate(chance.randint(1, FEWEST_REQUESTS), before=chance.random() < 0.5)


def _in_a_process(stage: Callable[[], None], client: Any, fate: Fate) -> int:
    """Run it in a child, whose process id this answers."""
    child = os.fork()
    if child == 0:
        death = Death(fate.request, before=fate.before)
        MortalHub.death = death
        client.meta.events.register_last("before-send.s3", death.before)
        client.meta.events.register_last("after-call.s3", death.after)
        try:
            stage()
        except StagingError as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(LOST)
        os._exit(0)
    if fate.after_s is not None:
        time.sleep(fate.after_s)
        os.kill(
            child, signal.SIGKILL
        )  # perhaps it has ended by itself: then it is a zombie, and this does nothing
    return child


def _stage(attempt: Attempt, settings: Settings, client: Any, chance: random.Random) -> None:
    """What the state machine does, with the parts in any order."""
    named = {"repository": attempt.snapshot.repository, "revision": attempt.snapshot.revision}
    hub = MortalHub(settings.hub_url, TokenSource(_NoSecret(), "none"), environment="test")
    worker = Worker(hub, SnapshotStore(client, settings.bucket), PART_BYTES)

    def step(**event: object) -> dict[str, Any]:
        return worker.run({"attempt": attempt.name, **event}, lambda: 60.0)

    planned = step(step="plan", request={**named, "files": None, "select": settings.select})
    if planned["complete"]:
        return
    for name, item, key in (("copy", "part", "parts_key"), ("finish", "file", "files_key")):
        items = worker.store.json(planned[key])
        chance.shuffle(items)
        for one in items:
            step(step=name, snapshot=named, **{item: one})
    step(step="seal", snapshot=named)


def _is_too_early(snapshot: Snapshot, store: SnapshotStore) -> bool:
    """Whether there is a manifest although not every file lies there whole."""
    manifest = store.manifest(snapshot)
    if manifest is None:
        return False
    found = {key: stored.size_bytes for key, stored in store.objects(snapshot.prefix).items()}
    wanted = {snapshot.object_key(file.path): file.size_bytes for file in manifest.files.values()}
    return found != wanted


if __name__ == "__main__":
    sys.exit(main())
