"""Which model is served: by URL, by directory, from the Hub, or the tiny one. (The Hub itself: contracts.)"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from endpoints.adapters.hub import HubUnreachableError
from endpoints.errors import LocalError, RemoteError
from endpoints.local import model_source
from endpoints.local.model_source import (
    LocalModels,
    ModelSource,
    SourceKind,
    pinned_revision,
    resolve_models,
)
from endpoints.local.tiny_model import tiny_model


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds no model from the Hub; shared, because building the tiny models takes a second each."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> Path:
        raise HubUnreachableError("The Hugging Face Hub cannot be reached (no such name)")

    monkeypatch.setattr(model_source, "download_model", unreachable)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def test_a_source_survives_a_command_line(tmp_path: Path) -> None:
    source = ModelSource(SourceKind.DIRECTORY, str(tmp_path), "a/b", "abc", meaningful=False)
    assert ModelSource.from_json(source.to_json()) == source


def test_models_survive_a_command_line(tmp_path: Path) -> None:
    source = ModelSource(SourceKind.DIRECTORY, str(tmp_path), "a/b", "abc")
    backend = ModelSource(SourceKind.OPENAI_URL, "http://localhost:1/v1", "m")
    for models in (LocalModels({"primary": source}), LocalModels({"primary": source}, backend)):
        assert LocalModels.from_json(models.to_json()) == models


def test_a_backend_url_answers_for_all_and_the_tiny_models_are_staged(cache: Path, said: list[str]) -> None:
    models = resolve_models(
        cache_dir=cache, backend_url="http://localhost:11434/v1/", model="llama3.2", progress=said.append
    )
    assert models.backend is not None
    assert (models.backend.location, models.backend.name) == ("http://localhost:11434/v1", "llama3.2")
    assert models.answering == {"primary": models.backend, "alternative": models.backend}
    assert [source.name for source in models.snapshots] == ["adept/tiny-1", "adept/tiny-2"]
    assert said == []


@pytest.mark.parametrize(
    ("url", "model", "complaint"),
    [("localhost:11434", "m", "is not the URL"), ("http://localhost:11434/v1", None, "No model named")],
)
def test_a_backend_needs_a_url_and_a_model(
    url: str, model: str | None, complaint: str, tmp_path: Path, said: list[str]
) -> None:
    with pytest.raises(LocalError, match=complaint) as caught:
        resolve_models(cache_dir=tmp_path, backend_url=url, model=model, progress=said.append)
    assert caught.value.remedy


def test_a_directory_is_taken_as_it_is_and_named_by_what_it_holds(
    cache: Path, tmp_path: Path, said: list[str]
) -> None:
    directory = tmp_path / "my model (v2)"
    shutil.copytree(tiny_model(cache, seed=1), directory)
    models = resolve_models(cache_dir=tmp_path, model=str(directory), progress=said.append)
    source = models.stand_ins["primary"]
    assert (source.location, source.name) == (str(directory), "local/my-model--v2-")
    assert source.quantisation is None
    assert models.snapshots == (source,)
    # What no engine reads does not change the revision; what one reads does.
    (directory / "optimizer.pt").write_bytes(b"pickled")
    assert _revision(directory) == source.revision
    (directory / "config.json").write_bytes((directory / "config.json").read_bytes() + b" ")
    assert _revision(directory) != source.revision


def _revision(directory: Path) -> str | None:
    models = resolve_models(cache_dir=directory, model=str(directory), progress=lambda _: None)
    revision = models.stand_ins["primary"].revision
    assert revision is not None
    assert re.fullmatch("[0-9a-f]{40}", revision)
    return revision


def test_a_directory_that_is_no_model_says_what_is_missing(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(LocalError, match=r"tokenizer\.json, \*\.safetensors not found"):
        resolve_models(cache_dir=tmp_path, model=str(tmp_path), progress=said.append)


def test_without_the_hub_two_different_tiny_models_stand_in_and_it_is_said(
    cache: Path, said: list[str]
) -> None:
    models = resolve_models(cache_dir=cache, progress=said.append)
    assert not models.stand_ins["primary"].meaningful
    assert models.stand_ins["primary"].location != models.stand_ins["alternative"].location
    assert "text means nothing" in said[-1]
    assert "no such name" in said[-1]


@pytest.mark.parametrize("variable", [True, False])
def test_offline_never_asks_the_hub(
    variable: bool, cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> Path:
        raise AssertionError("the network is off")

    monkeypatch.setattr(model_source, "download_model", forbidden)
    if variable:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    models = resolve_models(cache_dir=cache, offline=not variable, progress=said.append)
    assert not models.stand_ins["primary"].meaningful


def test_a_model_asked_for_by_name_is_not_replaced_when_the_hub_cannot_be_reached(
    tmp_path: Path, said: list[str]
) -> None:
    with pytest.raises(RemoteError, match="no such name"):
        resolve_models(cache_dir=tmp_path, model="some/model", progress=said.append)
    with pytest.raises(RemoteError, match="The network is off") as offline:
        resolve_models(cache_dir=tmp_path, model="some/model", offline=True, progress=said.append)
    assert "--model DIRECTORY" in (offline.value.remedy or "")
    assert said == []


@pytest.mark.parametrize("model", ["./no/such/directory", "two words", "one/two/three"])
def test_what_is_neither_a_directory_nor_an_id_is_named_with_what_is_allowed(
    model: str, tmp_path: Path, said: list[str]
) -> None:
    with pytest.raises(RemoteError, match="neither a directory nor the id") as refused:
        resolve_models(cache_dir=tmp_path, model=model, progress=said.append)
    assert "a directory that exists" in (refused.value.remedy or "")


def test_a_proxy_that_refuses_the_default_model_does_not_stop_a_newcomer(
    cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> Path:
        raise RemoteError("The Hub does not let you read it (HTTP 403)", remedy="Log in.")

    monkeypatch.setattr(model_source, "download_model", forbidden)
    assert not resolve_models(cache_dir=cache, progress=said.append).stand_ins["primary"].meaningful
    assert "HTTP 403" in said[-1]


def test_a_model_that_the_hub_refuses_is_an_error_not_a_fallback(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> Path:
        raise RemoteError("The Hub has no model no/such (HTTP 404)", remedy="Check the spelling.")

    monkeypatch.setattr(model_source, "download_model", refused)
    with pytest.raises(RemoteError, match="no/such"):
        resolve_models(cache_dir=tmp_path, model="no/such", progress=said.append)


def test_the_default_model_is_pinned_by_the_catalogue() -> None:
    revision = pinned_revision(model_source.DEFAULT_MODEL)
    assert revision is not None
    assert len(revision) == 40


def test_a_model_outside_the_catalogue_has_no_pin() -> None:
    assert pinned_revision("somebody/something") is None
