"""`adept local up` and the Hugging Face Hub: what is downloaded, and what stands in when it cannot be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoints.local.hub import HubFault, HubRepository, Origin
from endpoints.local.model_source import DEFAULT_MODEL, pinned_revision
from endpoints.local.tiny_model import tiny_model
from tests.support.hub import RunningHub, running_hub

REVISION = pinned_revision(DEFAULT_MODEL) or ""
PROGRAM = (
    "import json, sys; from pathlib import Path\n"
    "from endpoints.errors import AdeptError\n"
    "from endpoints.local.model_source import resolve_models\n"
    "said = []\n"
    "try:\n"
    "    models = resolve_models(cache_dir=Path(sys.argv[1]), model=sys.argv[2] or None, progress=said.append)\n"
    "    result = json.loads(models.stand_ins['primary'].to_json())\n"
    "except AdeptError as error:\n"
    "    result = {'error': error.message, 'remedy': error.remedy}\n"
    "print(json.dumps({'result': result, 'said': said}))\n"
)


@pytest.fixture(scope="module")
def running(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """The default model at its pin: the tiny one's files, and a pickle beside them."""
    folder = tmp_path_factory.mktemp("hub") / "model"
    shutil.copytree(tiny_model(model_cache, seed=1), folder)
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    with running_hub(HubRepository(DEFAULT_MODEL, {REVISION: folder})) as hub:
        yield hub


@pytest.fixture
def hub(running: RunningHub) -> RunningHub:
    running.fail()
    running.server.requests.clear()
    return running


def resolve(cache: Path, endpoint: str, model: str = "", **environment: str) -> dict[str, object]:
    """`resolve_models` in a process of its own: the Hub's client reads its address once, on import."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(cache), model],
        env={**kept, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache / "home"), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer: dict[str, object] = json.loads(finished.stdout)
    return answer


def test_the_default_model_is_downloaded_once_at_its_pin_and_without_pickles(
    hub: RunningHub, tmp_path: Path
) -> None:
    # Given an empty cache
    first = resolve(tmp_path, hub.url)
    # Then the pinned commit is fetched, safetensors only, and it is said
    assert isinstance(first["result"], dict)
    assert first["result"]["name"] == DEFAULT_MODEL
    assert first["result"]["revision"] == REVISION
    assert first["result"]["meaningful"] is True
    # (the client asks for a list of programs that it may be run by, too)
    paths = [request.path for request in hub.requests(Origin.HUB) if DEFAULT_MODEL in request.path]
    assert all(REVISION in path for path in paths)
    assert any(path.endswith("model.safetensors") for path in paths)
    assert not any(path.endswith(".bin") for path in paths)
    assert "Downloading" in str(first["said"])
    # When it is resolved again
    hub.server.requests.clear()
    second = resolve(tmp_path, hub.url)
    # Then nothing goes over the network
    assert second == {"result": first["result"], "said": []}
    assert hub.requests() == []


def test_an_interrupted_download_is_completed(hub: RunningHub, tmp_path: Path) -> None:
    first = resolve(tmp_path, hub.url)["result"]
    assert isinstance(first, dict)
    (Path(first["location"]) / "model.safetensors").unlink()
    again = resolve(tmp_path, hub.url)["result"]
    assert again == first
    assert (Path(first["location"]) / "model.safetensors").exists()


@pytest.mark.parametrize("status", [502, 407])
def test_a_proxys_error_falls_back_to_the_tiny_model(status: int, hub: RunningHub, model_cache: Path) -> None:
    hub.fail(HubFault(status=status, times=None))
    answer = resolve(model_cache, hub.url)
    assert isinstance(answer["result"], dict)
    assert answer["result"]["meaningful"] is False
    assert f"HTTP {status}" in str(answer["said"])
    assert "text means nothing" in str(answer["said"])


def test_once_the_hub_can_be_reached_the_tiny_model_gives_way(hub: RunningHub, tmp_path: Path) -> None:
    # Given a first start without the Hub
    without = resolve(tmp_path, "http://127.0.0.1:9")
    assert isinstance(without["result"], dict)
    assert without["result"]["meaningful"] is False
    # When it is there at the next one, then its model is served
    answer = resolve(tmp_path, hub.url)
    assert isinstance(answer["result"], dict)
    assert (answer["result"]["name"], answer["result"]["meaningful"]) == (DEFAULT_MODEL, True)


def test_a_model_that_the_hub_does_not_show_is_an_error_with_a_remedy(
    hub: RunningHub, tmp_path: Path
) -> None:
    for fault, words in ((None, "does not let you read"), (404, "has no model")):
        hub.fail(*([HubFault(status=fault, times=None)] if fault else []))
        result = resolve(tmp_path, hub.url, "some/model")["result"]
        assert isinstance(result, dict)
        assert words in result["error"]
        assert result["remedy"]


def test_offline_the_hub_is_not_asked(hub: RunningHub, model_cache: Path) -> None:
    answer = resolve(model_cache, hub.url, HF_HUB_OFFLINE="1")
    assert isinstance(answer["result"], dict)
    assert answer["result"]["meaningful"] is False
    assert hub.requests() == []
