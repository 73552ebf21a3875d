"""A Lambda's bundle: built once per content, never half-built, for its target's platform, and sufficient alone."""

from __future__ import annotations

import json
import marshal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from endpoints.catalogue import load_catalogue
from endpoints.errors import AdeptError
from endpoints.route_table import render_route_table
from infra import lambda_bundle
from infra.lambda_bundle import ROUTER, WEIGHTS, Target, build_bundle
from tests.support.container_keys import container_keys

ROOT = Path(__file__).parents[2]
ARM = Target(python="3.14", architecture="arm64")
TABLE = {"route_table.json": b'{"version": 1}'}


class Pip:
    """Stands in for pip: writes what an installation leaves, or does what `then` does."""

    def __init__(self, build_dir: Path) -> None:
        self.build_dir = build_dir
        self.commands: list[list[str]] = []
        self.then: Callable[[], int] = lambda: 0

    def run(self, command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        target = Path(command[command.index("--target") + 1])
        for service in ("s3", "sagemaker-runtime"):
            (target / "botocore" / "data" / service).mkdir(parents=True)
        (target / "botocore" / "data" / "partitions.json").touch()
        return subprocess.CompletedProcess(command, self.then(), "", "no matching distribution")

    def left(self) -> list[str]:
        """Every finished folder, and what stands beside them."""
        return sorted(path.name for path in self.build_dir.glob("*/*/*"))


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """No network, and an empty build folder."""
    stand_in = Pip(tmp_path / "build")
    monkeypatch.setattr(lambda_bundle, "_BUILD", stand_in.build_dir)
    monkeypatch.setattr(lambda_bundle.subprocess, "run", stand_in.run)  # type: ignore[attr-defined]  # not re-exported
    return stand_in


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


# Built once


def test_the_same_inputs_give_the_same_directory_and_are_installed_once(pip: Pip) -> None:
    first = build_bundle(ROUTER, ARM, TABLE, for_this_host=False)
    (first / "seen").touch()
    second = build_bundle(ROUTER, ARM, {**TABLE}, for_this_host=False)

    assert first == second
    assert (second / "seen").exists()  # the very folder, not one built again
    assert len(pip.commands) == 1


def test_another_table_is_another_bundle_of_the_same_installation(pip: Pip) -> None:
    first = build_bundle(ROUTER, ARM, TABLE, for_this_host=False)
    second = build_bundle(ROUTER, ARM, {"route_table.json": b"{}"}, for_this_host=False)

    assert first != second
    assert (second / "route_table.json").read_bytes() == b"{}"
    assert len(pip.commands) == 1


@pytest.mark.parametrize(
    "other", [Target(python="3.13", architecture="arm64"), Target(python="3.14", architecture="x86_64")]
)
def test_another_platform_is_another_installation(pip: Pip, other: Target) -> None:
    first = build_bundle(ROUTER, ARM, TABLE, for_this_host=False)

    assert build_bundle(ROUTER, other, TABLE, for_this_host=False) != first
    assert len(pip.commands) == 2


@pytest.mark.usefixtures("pip")
def test_changed_code_is_another_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "router"
    source.mkdir()
    (source / "requirements.txt").touch()
    (source / "handler.py").write_text("OLD = 1")
    monkeypatch.setattr(lambda_bundle, "_LAMBDAS", tmp_path)
    first = build_bundle(ROUTER, ARM, TABLE, for_this_host=False)
    (source / "handler.py").write_text("NEW = 1")

    assert build_bundle(ROUTER, ARM, TABLE, for_this_host=False) != first


# Never half-built


def test_an_interrupted_build_leaves_nothing_and_the_next_one_succeeds(pip: Pip) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    pip.then = interrupted
    with pytest.raises(KeyboardInterrupt):
        build_bundle(ROUTER, ARM, TABLE, for_this_host=False)
    assert pip.left() == []

    pip.then = lambda: 0
    assert (
        build_bundle(ROUTER, ARM, TABLE, for_this_host=False) / "lambdas" / "router" / "handler.py"
    ).is_file()


def test_a_killed_build_leaves_nothing_that_a_later_build_takes_for_finished(pip: Pip) -> None:
    program = (
        "import os, pathlib, signal, sys\n"
        "from infra import lambda_bundle as bundle\n"
        "bundle._BUILD = pathlib.Path(sys.argv[1])\n"
        "def killed(program, folder, flags):\n"
        "    (folder / 'half').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "bundle._install = killed\n"
        "bundle.build_bundle(bundle.ROUTER, bundle.Target('3.14', 'arm64'), {}, for_this_host=False)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(pip.build_dir)], cwd=ROOT) as process:
        assert process.wait() == -9
    assert [name for name in pip.left() if not name.startswith(".building-")] == []

    assert not (build_bundle(ROUTER, ARM, TABLE, for_this_host=False) / "half").exists()


def test_two_builds_at_once_end_with_one_bundle(pip: Pip) -> None:
    both_are_installing = threading.Barrier(2, timeout=30)
    pip.then = lambda: both_are_installing.wait() * 0
    bundles: list[Path] = []
    threads = [
        threading.Thread(target=lambda: bundles.append(build_bundle(ROUTER, ARM, TABLE, for_this_host=False)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(bundles) == 2
    assert bundles[0] == bundles[1]
    assert not [name for name in pip.left() if name.startswith(".building-")]


def test_dependencies_that_cannot_be_had_are_an_error_that_says_why(pip: Pip) -> None:
    pip.then = lambda: 1

    with pytest.raises(AdeptError, match=r"lambdas/router/requirements\.txt:\nno matching distribution"):
        build_bundle(ROUTER, ARM, TABLE, for_this_host=False)
    assert pip.left() == []


@pytest.mark.usefixtures("pip")
def test_the_lambdas_are_built_apart_and_each_keeps_the_services_that_it_calls() -> None:
    router = build_bundle(ROUTER, ARM, TABLE, for_this_host=False)
    weights = build_bundle(WEIGHTS, ARM, {}, for_this_host=False)

    kept = [
        {path.name for path in (bundle / "botocore" / "data").iterdir() if path.is_dir()}
        for bundle in (router, weights)
    ]
    assert kept == [set(), {"s3"}]
    assert not (weights / "lambdas" / "router").exists()
    assert not (router / "lambdas" / "weights").exists()


# For its target's platform


@pytest.mark.parametrize(
    ("architecture", "platform"), [("arm64", "manylinux2014_aarch64"), ("x86_64", "manylinux2014_x86_64")]
)
def test_pip_is_asked_for_wheels_of_the_targets_platform_and_python(
    pip: Pip, architecture: str, platform: str
) -> None:
    build_bundle(ROUTER, Target("3.14", architecture), TABLE, for_this_host=False)
    (command,) = pip.commands

    assert _option(command, "--platform") == platform
    assert _option(command, "--python-version") == "3.14"
    assert _option(command, "--implementation") == "cp"
    assert "--only-binary=:all:" in command  # a source distribution would be built for this machine
    assert "--require-hashes" in command


def test_for_this_machine_pip_chooses_the_platform_itself(pip: Pip) -> None:
    build_bundle(ROUTER, Target.resolve("host", "host"), TABLE, for_this_host=True)

    assert "--platform" not in pip.commands[0]
    assert "--require-hashes" in pip.commands[0]


def test_host_stands_for_this_interpreter_and_machine() -> None:
    host = Target.resolve("host", "host")

    assert host.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert host.architecture in ("arm64", "x86_64")
    assert Target.resolve("3.13", "arm64") == Target("3.13", "arm64")


# Sufficient alone: the bundle that the local environment deploys


@pytest.fixture(scope="module")
def bundle() -> Path:
    catalogue = load_catalogue()
    table = render_route_table(catalogue, catalogue.environment("local"))
    files = {"route_table.json": json.dumps(table).encode()}
    return build_bundle(ROUTER, Target.resolve("host", "host"), files, for_this_host=True)


def test_it_holds_the_routers_code_its_dependencies_and_nothing_else(bundle: Path) -> None:
    names = {path.name for path in bundle.iterdir() if path.suffix != ".dist-info"} - {"__pycache__"}
    code = {path.relative_to(bundle / "lambdas") for path in (bundle / "lambdas").rglob("*.*")}

    native = {"awscrt", "_awscrt.abi3.so", "httptools"}
    botocores = {"botocore", "dateutil", "jmespath", "six.py", "urllib3"}
    assert names == {"lambdas", "route_table.json"} | native | botocores
    assert {path for path in code if path.suffix != ".pyc"} == {
        Path("__init__.py"),
        *(path.relative_to(ROOT / "lambdas") for path in (ROOT / "lambdas" / "router").rglob("*.py")),
    }


def test_it_holds_no_model_of_a_service_and_no_source_of_a_compiled_module(bundle: Path) -> None:
    assert not [path.name for path in (bundle / "botocore" / "data").iterdir() if path.is_dir()]
    assert not [
        path.name for path in bundle.rglob("*") if path.suffix in (".c", ".h", ".pyx", ".pxd", ".pyi")
    ]


def test_every_module_is_compiled_and_its_bytecode_is_taken_without_a_look_at_the_source(
    bundle: Path,
) -> None:
    for module in ("lambdas/router/service.py", "botocore/session.py", "awscrt/auth.py"):
        code = Path(cache_from_source(str(bundle / module))).read_bytes()
        assert int.from_bytes(code[4:8], "little") == 0b01  # PEP 552: by hash, and unchecked
        assert marshal.loads(code[16:]).co_filename == f"/var/task/{module}"  # noqa: S302 - it was just made here


@pytest.mark.usefixtures("pip")
def test_for_another_python_nothing_is_compiled() -> None:
    host = Target.resolve("host", "host")
    assert list(build_bundle(ROUTER, host, TABLE, for_this_host=True).rglob("*.pyc"))
    assert not list(build_bundle(ROUTER, Target("3.99", "arm64"), TABLE, for_this_host=False).rglob("*.pyc"))


def test_it_answers_in_an_interpreter_that_has_nothing_but_the_bundle(bundle: Path) -> None:
    """And finds the keys of a container, as Lambda with SnapStart is one: all that it needs botocore for."""
    program = (
        "import asyncio, json, sys\n"
        "sys.dont_write_bytecode = True\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from lambdas.router.handler import handler\n"
        "event = {'httpMethod': 'GET', 'path': '/v1/models', 'headers': {}, 'body': None}\n"
        "answer = handler(event)\n"
        "import lambdas.router.server\n"
        "from lambdas.router.aws.credentials import Credentials\n"
        "key = asyncio.run(Credentials().provider()).get_credentials().result(5).access_key_id\n"
        "loaded = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "said = {'status': answer['statusCode'], 'body': answer['body'], 'loaded': loaded, 'key': key}\n"
        "print(json.dumps(said))\n"
    )
    with container_keys() as keys:
        done = subprocess.run(
            [sys.executable, "-S", "-I", "-c", program, str(bundle)],
            capture_output=True,
            text=True,
            env={"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", **keys.environ},
            check=False,
        )

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["status"], said["key"]) == (200, "key-1")
    assert "query-enhancement:alternative" in {model["id"] for model in json.loads(said["body"])["data"]}
    assert not {"boto3", "endpoints", "infra", "pydantic", "aws_cdk"} & set(said["loaded"])
