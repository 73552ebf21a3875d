"""The model that the project builds itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from endpoints.local.tiny_model import tiny_model


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_the_same_seed_gives_the_same_files_and_the_same_tokenizer(cache: Path, tmp_path: Path) -> None:
    first, second = tiny_model(cache, seed=1), tiny_model(tmp_path, seed=1)
    assert first.name == second.name
    assert {file.name for file in first.iterdir()} == {file.name for file in second.iterdir()}
    tokenizer = "tokenizer.json"
    assert (first / tokenizer).read_bytes() == (second / tokenizer).read_bytes()


def test_different_seeds_give_different_models(cache: Path) -> None:
    first, second = tiny_model(cache, seed=1), tiny_model(cache, seed=2)
    assert first != second
    assert (first / "model.safetensors").read_bytes() != (second / "model.safetensors").read_bytes()


def test_it_is_built_once(cache: Path) -> None:
    weights = tiny_model(cache, seed=1) / "model.safetensors"
    built_at = weights.stat().st_mtime_ns
    tiny_model(cache, seed=1)
    assert weights.stat().st_mtime_ns == built_at


def test_it_is_small(cache: Path) -> None:
    assert (tiny_model(cache, seed=1) / "model.safetensors").stat().st_size < 10_000_000


def test_concurrent_builds_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda _: tiny_model(tmp_path, seed=3), range(2)))
    assert len(set(built)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [built[0].name]  # no drafts left behind


def test_its_configuration_has_what_mistralrs_wants_at_the_top_level(cache: Path) -> None:
    config = json.loads((tiny_model(cache, seed=1) / "config.json").read_text())
    assert config["rope_theta"] == 10000.0


def test_any_text_survives_its_tokenizer(cache: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_model(cache, seed=1) / "tokenizer.json"))
    text = "Grüezi 😀 — 日本語\n\tNULL:\x00"
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text
