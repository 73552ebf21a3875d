"""A Lambda's bundle: its own code, its own dependencies for the target platform, and the data it reads.

Built without Docker. Dependencies come from the program's own lock file and are installed once per lock file,
Python version and architecture; the rest is copied, so a synth with nothing new takes milliseconds. Where this
interpreter is of the target's version everything is compiled; elsewhere Lambda does that at every cold start.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from endpoints.catalogue import HOST
from endpoints.errors import AdeptError
from infra.bytecode import can_compile, compile_folder

_ROOT = Path(__file__).resolve().parents[1]
_LAMBDAS = _ROOT / "lambdas"
_BUILD = _ROOT / ".build"
_NATIVE_SOURCES = (
    "*.c",
    "*.h",
    "*.pxd",
    "*.pyi",
    "*.pyx",
)  # of compiled modules, which some wheels carry along
_PLATFORMS = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}


@dataclass(frozen=True)
class Program:
    """Code under `lambdas/<name>/`, and the AWS services that it calls.

    botocore ships the models of every service (25 MB); a bundle keeps those of `services`.
    """

    name: str
    services: frozenset[str]

    @property
    def source(self) -> Path:
        return _LAMBDAS / self.name

    @property
    def sources(self) -> list[Path]:
        """What is copied and what is digested are the same files, so nothing that lies about gets into a bundle."""
        return sorted(self.source.rglob("*.py"))

    @property
    def lock(self) -> Path:
        return self.source / "requirements.txt"

    @property
    def build(self) -> Path:
        return _BUILD / self.name


ROUTER = Program("router", frozenset())  # it speaks to AWS itself; botocore only finds its credentials
WEIGHTS = Program("weights", frozenset({"s3", "secretsmanager", "stepfunctions"}))
PROGRAMS = (ROUTER, WEIGHTS)


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


def build_bundle(
    program: Program, target: Target, files: Mapping[str, bytes], *, for_this_host: bool
) -> Path:
    """Return a directory with the finished bundle. The same inputs give the same directory, built once.

    `files` lie at the bundle's root: data that the program reads, and scripts (`*.sh`) that can be run.
    """
    dependencies = install_dependencies(program, target, for_this_host=for_this_host)
    code = _copy_code(program, target)
    digest = _digest([dependencies.name.encode(), code.name.encode(), *_file_bytes(files)])
    return _built_once(
        program.build / "bundles" / digest, lambda folder: _assemble(folder, [dependencies, code], files)
    )


def _copy_code(program: Program, target: Target) -> Path:
    """The folder with the program's own code: its bundles differ in their files far more often."""
    compiled = can_compile(target.python)
    digest = _digest([repr((target.python, compiled)).encode(), *_source_bytes(program)])

    def build(folder: Path) -> None:
        for path in program.sources:
            copy = folder / "lambdas" / program.name / path.relative_to(program.source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (folder / "lambdas" / "__init__.py").touch()
        if compiled:
            compile_folder(folder)

    return _built_once(program.build / "code" / digest, build)


def _assemble(folder: Path, parts: Iterable[Path], files: Mapping[str, bytes]) -> None:
    for part in parts:
        shutil.copytree(part, folder, dirs_exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
        if name.endswith(".sh"):
            (folder / name).chmod(0o755)


def install_dependencies(program: Program, target: Target, *, for_this_host: bool) -> Path:
    """The folder with what a bundle for `target` needs; fetched the first time, and no network from then on."""
    # This file, too: what is dropped after the installation is decided here.
    compiled = can_compile(target.python)
    key = repr((target, for_this_host, compiled)).encode()
    digest = _digest([program.lock.read_bytes(), key, Path(__file__).read_bytes()])
    flags = [] if for_this_host else _cross_platform_flags(target)

    def build(folder: Path) -> None:
        _install(program, folder, flags)
        if compiled:
            compile_folder(folder)

    return _built_once(program.build / "dependencies" / digest, build)


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


def _install(program: Program, folder: Path, flags: list[str]) -> None:
    sys.stderr.write(f"· installing the {program.name} Lambda's own dependencies for its bundle\n")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes"]
    done = subprocess.run(
        [*command, "--target", str(folder), "-r", str(program.lock), *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AdeptError(
            f"the {program.name} Lambda's dependencies could not be installed from "
            f"{program.lock.relative_to(_ROOT)}:\n{done.stderr}",
            remedy="They are fetched once and then kept in .build: check the connection to the package index.",
        )
    _prune(program, folder)


def _prune(program: Program, folder: Path) -> None:
    """Drop what is never loaded."""
    data = folder / "botocore" / "data"
    services = [entry for entry in data.iterdir() if entry.is_dir()] if data.is_dir() else []
    for service in services:
        if service.name not in program.services:
            shutil.rmtree(service)
    if not program.services:
        (data / "endpoints.json").unlink(missing_ok=True)  # where the services are: a megabyte
    for source in _NATIVE_SOURCES:
        for path in folder.rglob(source):
            path.unlink()
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


def _source_bytes(program: Program) -> Iterable[bytes]:
    for path in program.sources:
        yield str(path.relative_to(program.source)).encode()
        yield path.read_bytes()


def _file_bytes(files: Mapping[str, bytes]) -> Iterable[bytes]:
    for name in sorted(files):
        yield name.encode()
        yield files[name]


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:16]
