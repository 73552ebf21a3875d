"""The folders that `benchmarks/cold_start.py` starts: as Lambda gets them, compiled for this Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.gateways.processes import ROOT, say
from infra.bytecode import compile_folder
from infra.lambda_bundle import ROUTER, Target, build_bundle

_HERE = Path(__file__).resolve().parent
_BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
_NATIVE_SIGNER = ("awscrt", "_awscrt.abi3.so")


def build_router(folder: Path) -> Path:
    """The bundle that is deployed."""
    bundle = build_bundle(ROUTER, Target.resolve("host", "host"), {}, for_this_host=True)
    return Path(shutil.copytree(bundle, folder))


def build_boto3(folder: Path) -> Path:
    """The same router with boto3 as pip installs it, and without the signer that it does not need."""
    build_router(folder)
    for name in _NATIVE_SIGNER:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for stale in folder.glob("botocore*"):
        shutil.rmtree(stale)
    shutil.copytree(_installed_boto3(), folder, dirs_exist_ok=True)
    return _replaced(folder, "assembly.py", "boto3_assembly.py")


def build_bare(folder: Path) -> Path:
    """The HTTP server and its parser."""
    build_router(folder)
    for path in folder.iterdir():
        if path.name not in ("lambdas", "httptools"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (folder / "lambdas" / "router").iterdir():
        if path.name not in ("__init__.py", "messages.py", "http"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return _replaced(folder, "__main__.py", "bare_server.py")


VARIANTS: dict[str, Callable[[Path], Path]] = {
    "router": build_router,
    "boto3": build_boto3,
    "bare": build_bare,
}


def _replaced(folder: Path, module: str, by: str) -> Path:
    shutil.copyfile(_HERE / by, folder / "lambdas" / "router" / module)
    compile_folder(folder)
    return folder


def _installed_boto3() -> Path:
    """boto3 and what it needs at the versions of the project's own lock file, installed the first time."""
    lock = "".join(
        block
        for block in re.split(r"\n(?=\S)", (ROOT / "requirements" / "run.txt").read_text())
        if (found := re.match(r"([a-z0-9-]+)==", block)) and found[1] in _BOTO3
        for block in (block.rstrip() + "\n",)
    )
    folder = ROOT / ".build" / "benchmarks" / "boto3"
    mark = folder / "installed.txt"
    if not mark.is_file() or mark.read_text() != lock:
        say("installing boto3 into .build/benchmarks")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        requirements = folder.with_suffix(".txt")
        requirements.write_text(lock)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--no-deps",
            "--require-hashes",
        ]
        subprocess.run(
            [*pip, "--target", str(folder), "-r", str(requirements)], check=True, stderr=subprocess.DEVNULL
        )
        mark.write_text(lock)
    return folder
