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
_CHECKOV = [
    ".venv-checkov/bin/checkov",  # an environment of its own: it pins old versions of what the project needs new
    *("--framework", "cloudformation", "--compact", "--quiet", "--skip-download"),
]
_SECRET_SCAN = [
    "detect-secrets-hook",
    # Commit shas and digests are what this project's data is made of: entropy alone says nothing here.
    *("--disable-plugin", "HexHighEntropyString", "--disable-plugin", "Base64HighEntropyString"),
    *("--plugin", "tools/hugging_face_token.py"),
]


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
    yield from before_the_templates()
    for environment in load_catalogue().environments:
        yield from _template_steps(environment.name, scratch / environment.name)


def before_the_templates() -> Iterator[Step]:
    """Everything that is checked of the source itself."""
    yield Step("format (ruff)", ["ruff", "format", "--check", "--quiet", "."])
    yield Step("lint (ruff)", ["ruff", "check", "--quiet", "."])
    yield Step("types (mypy)", ["mypy"])
    yield Step("layers (import-linter)", ["lint-imports"])
    yield Step("lock files agree with the catalogue (adept lock)", ["adept", "lock", "--check"])
    yield Step("Hugging Face tokens, in every file", [sys.executable, "-m", "tools.token_scan"])
    product, tests = _scanned_files()
    yield Step("secrets (detect-secrets)", [*_SECRET_SCAN, *product])
    # Tests hold fake credentials on purpose: names that sound like a secret mean nothing there, shapes do.
    yield Step(
        "secrets in tests (detect-secrets)", [*_SECRET_SCAN, "--disable-plugin", "KeywordDetector", *tests]
    )


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
    files = [part for template in templates for part in ("--file", template)]
    yield Step(f"checkov ({environment})", [*_CHECKOV, *files])


def _scanned_files() -> tuple[list[str], list[str]]:
    """Tracked files without lock files, which are made of hashes: those of the product, and those of tests."""
    listed = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, text=True, check=True)
    locks = ("requirements/", "package-lock.json")
    names = [
        name
        for name in listed.stdout.splitlines()
        if not name.startswith(locks) and not name.endswith("/requirements.txt")
    ]
    tests = [name for name in names if name.startswith("tests/")]
    return [name for name in names if name not in set(tests)], tests


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
