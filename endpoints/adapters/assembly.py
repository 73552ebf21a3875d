"""The CDK app's cloud assembly: synthesised by the pinned CDK CLI, read as one template per stack."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from endpoints.adapters.child_processes import ended_with_us
from endpoints.errors import DeployError
from endpoints.templates import Template

PROJECT: Final = Path(__file__).resolve().parents[2]
"""Where `cdk.json`, the app and the pinned CLI lie."""

_MANIFEST: Final = "manifest.json"
_STACK: Final = "aws:cloudformation:stack"
_NESTED: Final = "cdk:cloud-assembly"  # the folder of a CDK Stage
_LINES_WHEN_IT_FAILED: Final = 30
_SYNTH_TIMEOUT_S: Final = 600


def read_assembly(directory: Path) -> Mapping[str, Template]:
    """Templates by stack name, the stacks of nested assemblies included.

    `directory` is what `cdk synth --output` wrote. Raises `DeployError` when it is no cloud assembly.
    """
    return MappingProxyType(dict(_stacks(directory)))


def synthesise(
    environment: str, out: Path, *, env: Mapping[str, str] | None = None
) -> Mapping[str, Template]:
    """Run `cdk synth` for `environment` into `out` and read what it wrote.

    `env` is the whole environment of the CDK CLI (default: this process's). Raises `DeployError` with the CLI's last
    lines when it is missing, fails or does not end.
    """
    command = (*cdk_command(), *synth_arguments(environment, out))
    values = cdk_environment(os.environ if env is None else env)
    # What an earlier synth wrote must not be mistaken for this one's.
    (out / _MANIFEST).unlink(missing_ok=True)
    try:
        with (
            subprocess.Popen(
                command, cwd=PROJECT, env=values, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as process,
            ended_with_us(process, lambda _: None),
        ):
            _, said = process.communicate(timeout=_SYNTH_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise DeployError(f"`cdk synth` of {environment} did not end within {_SYNTH_TIMEOUT_S} s") from None
    if process.returncode != 0:
        raise DeployError(
            f"`cdk synth` of {environment} failed with exit code {process.returncode}:\n{_last_lines(said)}",
            remedy=f"See all of it: cdk synth -c environment={environment}",
        )
    return read_assembly(out)


def cdk_command() -> tuple[str]:
    """The pinned CDK CLI. Raises `DeployError` when it is not installed; another version might not read the app."""
    cli = PROJECT / "node_modules" / ".bin" / "cdk"
    if not cli.exists():
        raise DeployError("the pinned CDK CLI is not installed", remedy="Install it: make setup")
    return (str(cli),)


def synth_arguments(environment: str, out: Path) -> tuple[str, ...]:
    """Arguments after `cdk`."""
    return ("synth", "--quiet", "-c", f"environment={environment}", "--output", str(out.resolve()))


def cdk_environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` with the pinned Node first on PATH, and the library's own validator (seconds per synth) off unless set."""
    path = os.pathsep.join(filter(None, (str(Path(sys.executable).parent), env.get("PATH"))))
    return {"CDK_VALIDATION": "false", **env, "PATH": path}


def _stacks(directory: Path) -> Iterator[tuple[str, Template]]:
    for artifact_id, artifact in _json(directory / _MANIFEST).get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact.get("type") == _STACK:
            yield properties.get("stackName", artifact_id), _json(directory / properties["templateFile"])
        elif artifact.get("type") == _NESTED:
            yield from _stacks(directory / properties["directoryName"])


def _json(path: Path) -> dict[str, Any]:
    remedy = "Write it anew: cdk synth -c environment=NAME --output FOLDER"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeployError(
            f"{path.parent} holds no cloud assembly: {path.name} is missing", remedy=remedy
        ) from None
    except (OSError, ValueError) as error:
        raise DeployError(f"{path} cannot be read: {error}", remedy=remedy) from error
    if not isinstance(value, dict):
        raise DeployError(f"{path} is not a JSON object", remedy=remedy)
    return value


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LINES_WHEN_IT_FAILED:])


def with_template(assembly: Path, stack_name: str, template: Template) -> Path:
    """A copy of an assembly in which one stack has `template`; the folder beside `assembly` that holds it.

    The CDK CLI uploads templates under the hash of their content and skips what is there already, so the copy's
    manifests carry the new hash. Raises `DeployError` when `stack_name` is not in it.
    """
    copy = assembly.with_name(f"{assembly.name}-{stack_name}")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(assembly, copy)
    path = copy / _template_file(copy, stack_name)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    for manifest in (copy / _MANIFEST, *copy.glob("*.assets.json")):
        manifest.write_text(manifest.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    return copy


def _template_file(assembly: Path, stack_name: str) -> str:
    for artifact_id, artifact in _json(assembly / _MANIFEST).get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact.get("type") == _STACK and properties.get("stackName", artifact_id) == stack_name:
            return str(properties["templateFile"])
    raise DeployError(
        f"{assembly} holds no stack {stack_name}", remedy="Synthesise it anew, then deploy again."
    )
