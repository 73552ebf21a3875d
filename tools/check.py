"""`make check`: everything that can be checked without running the product. It never edits a file.

Every step runs even when an earlier one failed, so that one run shows everything there is to mend.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from endpoints.catalogue import load_catalogue

_ROOT = Path(__file__).resolve().parents[1]
_TOKEN_DETECTOR = "tools/hugging_face_token.py"  # noqa: S105 - a path


@dataclass(frozen=True)
class Step:
    """One command; it passes when it exits 0."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="adept-check-") as scratch:
        failed = [step.name for step in _steps(Path(scratch)) if not _passes(step)]
    if failed:
        print(f"\n{len(failed)} failed: {', '.join(failed)}")
        return 1
    print("\neverything passed")
    return 0


def _steps(scratch: Path) -> Iterator[Step]:
    yield Step("format (ruff)", ["ruff", "format", "--check", "--quiet", "."])
    yield Step("lint (ruff)", ["ruff", "check", "--quiet", "."])
    yield Step("types (mypy)", ["mypy"])
    yield Step("layers (import-linter)", ["lint-imports"])
    yield Step("secrets (detect-secrets)", _secret_scan())
    for environment in load_catalogue().environments:
        yield from _template_steps(environment.name, scratch / environment.name)


def _template_steps(environment: str, out: Path) -> Iterator[Step]:
    context = ["-c", f"environment={environment}", "-c", "nag=1"]
    yield Step(
        f"synth + cdk-nag ({environment})",
        ["cdk", "synth", "--quiet", "--strict", *context, "--output", str(out)],
        {"CDK_VALIDATION": "true"},
    )
    # A generator goes on only after the step above has run, so the templates exist by now.
    templates = sorted(str(template) for template in out.glob("*.template.json"))
    yield Step(f"cfn-lint ({environment})", ["cfn-lint", "--non-zero-exit-code", "warning", "--", *templates])


def _secret_scan() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, text=True, check=True)
    hashes_by_design = ("requirements/", "package-lock.json", "lambdas/router/requirements.txt")
    files = [name for name in listed.stdout.splitlines() if not name.startswith(hashes_by_design)]
    # Commit shas and digests are what this project's data is made of: entropy alone says nothing here.
    return [
        "detect-secrets-hook",
        *["--disable-plugin", "HexHighEntropyString", "--disable-plugin", "Base64HighEntropyString"],
        *["--plugin", _TOKEN_DETECTOR],
        *files,
    ]


def _passes(step: Step) -> bool:
    print(f"· {step.name}", end=" ", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        step.command,
        cwd=_ROOT,
        env={**os.environ, **step.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(f"{'ok' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)", flush=True)
    if done.returncode != 0:
        print(done.stdout)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
