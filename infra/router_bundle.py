"""The router's Lambda bundle: its own code, its own dependencies for the target platform, and the route table.

Built without Docker. Dependencies come from the router's own lock file and are installed once per lock file,
Python version and architecture; the rest is copied, so a synth with nothing new takes milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from endpoints.catalogue import HOST
from endpoints.errors import AdeptError

_ROOT = Path(__file__).resolve().parents[1]
_SOURCE = _ROOT / "lambdas" / "router"
_BUILD = _ROOT / ".build" / "router"
_PLATFORMS = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}
# botocore ships the models of every AWS service (25 MB); the router calls one.
_BOTOCORE_SERVICES = {"sagemaker-runtime"}


@dataclass(frozen=True)
class Target:
    """Where a bundle runs: `python` as "3.13", `architecture` as Lambda calls it, "arm64" or "x86_64"."""

    python: str
    architecture: str

    @classmethod
    def resolve(cls, python: str, architecture: str) -> Target:
        """Replace `HOST` by what this interpreter and machine are."""
        host_python = f"{sys.version_info.major}.{sys.version_info.minor}"
        host_architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
        return cls(
            python=host_python if python == HOST else python,
            architecture=host_architecture if architecture == HOST else architecture,
        )


def build_bundle(target: Target, route_table: object, *, for_this_host: bool) -> Path:
    """Return a directory with the finished bundle. The same inputs give the same directory, built once."""
    table = json.dumps(route_table, indent=1, sort_keys=True).encode()
    dependencies = install_dependencies(target, for_this_host=for_this_host)
    digest = _digest([dependencies.name.encode(), table, *_source_bytes()])
    return _built_once(_BUILD / "bundles" / digest, lambda folder: _assemble(folder, dependencies, table))


def _assemble(folder: Path, dependencies: Path, table: bytes) -> None:
    shutil.copytree(dependencies, folder, dirs_exist_ok=True)
    for path in _sources():
        copy = folder / "lambdas" / "router" / path.relative_to(_SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (folder / "lambdas" / "__init__.py").touch()
    (folder / "route_table.json").write_bytes(table)


def install_dependencies(target: Target, *, for_this_host: bool) -> Path:
    """The folder with what a bundle for `target` needs; fetched the first time, and no network from then on."""
    lock = _SOURCE / "requirements.txt"
    # This file, too: what is dropped after the installation is decided here.
    digest = _digest([lock.read_bytes(), repr((target, for_this_host)).encode(), Path(__file__).read_bytes()])
    flags = [] if for_this_host else _cross_platform_flags(target)
    return _built_once(_BUILD / "dependencies" / digest, lambda folder: _install(folder, lock, flags))


def _cross_platform_flags(target: Target) -> list[str]:
    return [
        "--platform",
        _PLATFORMS[target.architecture],
        "--python-version",
        target.python,
        "--implementation",
        "cp",
        "--only-binary=:all:",
    ]


def _install(folder: Path, lock: Path, flags: list[str]) -> None:
    sys.stderr.write("· installing the router's own dependencies for its Lambda bundle\n")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes"]
    done = subprocess.run(
        [*command, "--target", str(folder), "-r", str(lock), *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AdeptError(
            f"the router's dependencies could not be installed from {lock.relative_to(_ROOT)}:\n{done.stderr}",
            remedy="They are fetched once and then kept in .build: check the connection to the package index.",
        )
    _prune(folder)


def _prune(folder: Path) -> None:
    data = folder / "botocore" / "data"
    services = [entry for entry in data.iterdir() if entry.is_dir()] if data.is_dir() else []
    for service in services:
        if service.name not in _BOTOCORE_SERVICES:
            shutil.rmtree(service)
    shutil.rmtree(folder / "bin", ignore_errors=True)


def _built_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """Build into a scratch folder and rename: a killed or a concurrent build never leaves half a bundle."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        build(scratch)
        scratch.chmod(0o755)
        scratch.rename(folder)
    except OSError:
        if not folder.is_dir():  # another synth finished the same folder first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _sources() -> list[Path]:
    """What is copied and what is digested are the same files, so nothing that lies about gets into a bundle."""
    return sorted(_SOURCE.rglob("*.py"))


def _source_bytes() -> Iterable[bytes]:
    for path in _sources():
        yield str(path.relative_to(_SOURCE)).encode()
        yield path.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:16]
