"""`adept` in this process: its account is an embedded AWS with the real stager, its Hub the local one."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from endpoints import cli
from endpoints.adapters.account_clients import Account
from endpoints.adapters.account_weights import require_foundation
from endpoints.adapters.weights_store import WeightsStore
from endpoints.commands import environment_weights, token, weights
from endpoints.local.clients import client_environment
from endpoints.local.hub import HubReader, HubRepository
from endpoints.locks import Lock, LockedFile, LockedSnapshot
from endpoints.weights.layout import SnapshotId
from endpoints.weights.manifest import Manifest
from tests.contracts.ministack.running import embedded_aws
from tests.contracts.ministack.stacks import Stack
from tests.contracts.weights.world import BUCKET, World
from tests.support.commands import Ended
from tests.support.hub import running_hub

ENVIRONMENT = "staging"
FOUNDATION = "adept-staging-foundation"
GATED, CLOSED = "acme/gated", "acme/closed"
# Made at run time: nothing that looks like a token stands in a file.
ADA, GRACE, EVE, NARROW, UNKNOWN = TOKENS = tuple(
    "hf_" + name.ljust(34, "x") for name in ("ada", "grace", "eve", "narrow", "unknown")
)
READERS = {
    ADA: HubReader("ada", granted=frozenset({GATED, CLOSED})),
    GRACE: HubReader("grace", granted=frozenset({GATED, CLOSED})),
    EVE: HubReader("eve", granted=frozenset({GATED})),
    NARROW: HubReader("ada", granted=frozenset({GATED, CLOSED}), fine_grained=True, reads_gated=False),
}
_NUMBERS = itertools.count(1)


def noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311 -- repeatable bytes, nothing secret


FILES: Mapping[str, bytes] = {
    "config.json": b'{"model_type": "llama"}\n',
    "model-00001-of-00002.safetensors": noise(2, 6 * 1024 * 1024 + 17),
    "model-00002-of-00002.safetensors": noise(4, 1_234),
    "tokenizer.json": noise(1, 70_000),
}


@dataclass
class Deployed:
    """What the commands find: a bucket, a secret, a stager, a Hub; and the locks, which a test writes."""

    world: World
    locks: dict[str, Lock] = field(default_factory=dict)
    secret: str = ""

    @cached_property
    def secrets(self) -> Any:
        return self.world.client("secretsmanager")

    @cached_property
    def store(self) -> WeightsStore:
        variables = client_environment(self.world.aws.settings)
        session = boto3.Session(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        return WeightsStore(Account(session, "us-east-1", self.world.aws.settings.endpoint_url), BUCKET)

    def lock(self, *snapshots: LockedSnapshot, environment: str = ENVIRONMENT) -> None:
        self.locks[environment] = Lock(environment=environment, snapshots=snapshots, candidates=())

    def stored(self, one: LockedSnapshot) -> dict[str, bytes]:
        """What lies in the bucket of a snapshot, by path."""
        prefix = id_of(one).prefix
        return {key.removeprefix(prefix): body for key, body in self.world.objects(prefix).items()}

    def manifest(self, one: LockedSnapshot) -> Manifest:
        """A staged snapshot's."""
        found = self.store.manifest(id_of(one))
        assert found is not None
        return found

    def tokens(self) -> dict[str, str | None]:
        """The stored token by the stage of its version."""
        return {stage: self._token(stage) for stage in ("AWSCURRENT", "AWSPREVIOUS")}

    def store_token(self, value: str) -> None:
        self.secrets.put_secret_value(SecretId=self.secret, SecretString=value)

    def _token(self, stage: str) -> str | None:
        try:
            answer = self.secrets.get_secret_value(SecretId=self.secret, VersionStage=stage)
        except self.secrets.exceptions.ResourceNotFoundException:
            return None
        value = answer.get("SecretString")  # the embedded AWS gives a secret without a value an empty version
        return None if value is None else str(value)


def id_of(one: LockedSnapshot) -> SnapshotId:
    """A locked snapshot as the bucket has it."""
    assert one.revision
    return SnapshotId(one.repository, one.revision)


@pytest.fixture(scope="package")
def _deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with (
        pytest.MonkeyPatch.context() as patch,
        running_hub(
            HubRepository(GATED, {"a" * 40: tmp_path_factory.mktemp("gated")}, gated="manual"),
            HubRepository(CLOSED, {"b" * 40: tmp_path_factory.mktemp("closed")}, gated="manual"),
            readers=READERS,
        ) as hub,
    ):
        patch.setenv("SFN_WAIT_SCALE", "0.01")  # retries wait a hundredth
        with embedded_aws(tmp_path_factory.mktemp("aws")) as aws:
            world = World(aws, hub)
            world.deploy()
            assert Stack(aws, FOUNDATION).create(_foundation(world)) == "CREATE_COMPLETE"
            yield Deployed(world)


@pytest.fixture
def deployed(_deployed: Deployed) -> Deployed:
    """Nothing locked, no token stored, no faults, an empty bucket, nothing asked of the Hub."""
    _deployed.locks.clear()
    _deployed.world.hub.fail()
    _deployed.world.hub.server.requests.clear()
    _deployed.secret = str(_deployed.secrets.create_secret(Name=f"token-{next(_NUMBERS)}")["ARN"])
    for stored in _deployed.store.inventory(lambda _: None):
        _deployed.store.remove(stored)
    return _deployed


def _foundation(world: World) -> str:
    """A stack with the outputs of the real one, which tests/infra holds."""
    outputs = {
        "WeightsBucketName": BUCKET,
        "TokenSecretArn": world.arns["secret"],
        "StagerArn": world.arns["stager"],
    }
    return json.dumps(
        {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
    )


Adept = Callable[..., Ended]


@pytest.fixture
def adept(deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Adept:
    """Run `adept` with these arguments, and `stdin` as its standard input."""
    for name, value in client_environment(deployed.world.aws.settings).items():
        monkeypatch.setenv(name, value)
    for module in (token, weights):
        if hasattr(module, "hub_url_of"):
            monkeypatch.setattr(module, "hub_url_of", lambda _environment: deployed.world.hub.url)
        if hasattr(module, "every_lock"):
            monkeypatch.setattr(module, "every_lock", lambda: tuple(deployed.locks.values()))
    monkeypatch.setattr(environment_weights, "environment_lock", deployed.locks.__getitem__)
    # A secret that had a version never has none again: each test gets one of its own.
    monkeypatch.setattr(
        environment_weights,
        "require_foundation",
        lambda *wanted: replace(require_foundation(*wanted), token_secret=deployed.secret),
    )

    def run(*arguments: str, stdin: str = "") -> Ended:
        monkeypatch.setattr("sys.argv", ["adept", *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, printed.out, printed.err)

    return run


@pytest.fixture
def publish(deployed: Deployed, tmp_path: Path) -> Callable[..., LockedSnapshot]:
    """Put a repository on the Hub, and lock it: with its files, or (`listed=False`) by its commit alone."""

    def make(files: Mapping[str, bytes] = FILES, *, listed: bool = True) -> LockedSnapshot:
        number = next(_NUMBERS)
        root = tmp_path / f"repository-{number}"
        root.mkdir()
        for name, data in files.items():
            (root / name).write_bytes(data)
        sha = hashlib.sha1(b"command %d" % number, usedforsecurity=False).hexdigest()
        repository = HubRepository(f"acme/command-{number}", {sha: root})
        deployed.world.hub.server.add(repository)
        return locked(repository.repo_id, sha, files if listed else None)

    return make


def locked(
    repository: str, revision: str, files: Mapping[str, bytes] | None = None, *, gated: bool = False
) -> LockedSnapshot:
    """As `adept lock` writes it: weights by SHA-256, what lies in git by git's id."""
    listed = None if files is None else tuple(_locked_file(name, files[name]) for name in sorted(files))
    return LockedSnapshot(
        repository=repository,
        revision=revision,
        licence="mit",
        gated=gated,
        files=listed,
        total_bytes=None if listed is None else sum(file.size_bytes for file in listed),
    )


def _locked_file(path: str, data: bytes) -> LockedFile:
    if path.endswith(".safetensors"):
        return LockedFile(path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return LockedFile(path=path, size_bytes=len(data), git_blob=blob)
