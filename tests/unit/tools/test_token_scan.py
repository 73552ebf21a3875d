"""`make check` finds a token wherever one is put, and does not repeat it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import check, token_scan

TOKEN = "hf_" + "aB3" * 11 + "x"  # made at run time: 34 characters after the prefix
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("ignored/\n")
    return tmp_path


def _plant(root: Path, name: str, content: str | bytes, *, tracked: bool = True) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    if tracked:
        subprocess.run(["git", "add", "-f", name], cwd=root, check=True)


@pytest.mark.parametrize(
    "name",
    [
        "locks/production.lock.yaml",
        "docs/weights-and-token.md",
        "tests/unit/test_anything.py",
        "requirements/run.txt",
        "package-lock.json",
        "lambdas/weights/requirements.txt",
        "docs/architecture.svg",
        "infra/stager.py",
        "LICENSE",
        "name with blanks and ümlauts.txt",
    ],
)
def test_a_token_is_found_in_every_kind_of_file(
    repository: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    _plant(repository, name, f"first\nthe token is {TOKEN}, they said\n")

    assert token_scan.main([str(repository)]) == 1
    printed = capsys.readouterr().out
    assert printed == f"{name}:2: text in the shape of a Hugging Face token\n"
    assert TOKEN not in printed


@pytest.mark.parametrize(
    "content",
    [
        f"x = '{TOKEN}'  # pragma: allowlist secret",
        f"https://user:{TOKEN}@huggingface.co/some/model",
        f"Authorization: Bearer {TOKEN}",
        f"HF_TOKEN={TOKEN}",
        f"{TOKEN}_and_more",
        b"\x00\xff\x89PNG " + TOKEN.encode(),
    ],
)
def test_no_comment_and_no_binary_rubbish_hides_one(repository: Path, content: str | bytes) -> None:
    _plant(repository, "docs/x.md", content)

    assert list(token_scan.found_in(repository)) == ["docs/x.md:1"]


def test_a_new_file_that_nobody_has_added_yet_is_scanned_and_an_ignored_one_is_not(repository: Path) -> None:
    _plant(repository, "locks/new.lock.yaml", TOKEN, tracked=False)
    _plant(repository, "ignored/own.txt", TOKEN, tracked=False)

    assert list(token_scan.found_in(repository)) == ["locks/new.lock.yaml:1"]


def test_what_only_talks_about_tokens_is_no_finding(repository: Path) -> None:
    _plant(
        repository,
        "docs/x.md",
        "A token begins with hf_ and has 34 characters: hf_xxxx, `hf_[A-Za-z0-9]{30,}`, hf_hub_download",
    )

    assert token_scan.main([str(repository)]) == 0


def test_this_repository_holds_none() -> None:
    assert list(token_scan.found_in(ROOT)) == []


def test_make_check_runs_the_scan() -> None:
    commands = [step.command for step in check.before_the_templates()]

    assert any(command[-2:] == ["-m", "tools.token_scan"] for command in commands)
