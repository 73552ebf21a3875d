"""The Hugging Face Hub, played by a local server that speaks its API and has the tiny model to give."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from endpoints.local.model_source import DEFAULT_MODEL, pinned_revision
from endpoints.local.tiny_model import tiny_model
from tests.support.serving import serving

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


@dataclass
class Hub:
    """What the Hub serves, and what it was asked for."""

    model: Path
    url: str = ""
    status: int = 200
    requests: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        owner_and_name = "{owner}/{name}"
        return Starlette(
            routes=[
                Route(f"/api/models/{owner_and_name}/revision/{{revision}}", self.info),
                Route(f"/api/models/{owner_and_name}/tree/{{revision}}", self.tree),
                Route(f"/{owner_and_name}/resolve/{{revision}}/{{file}}", self.resolve),
            ]
        )

    async def info(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        if self.status != 200 or request.path_params["name"] == "missing":
            return JSONResponse({"error": "no"}, status_code=404 if self.status == 200 else self.status)
        model_id = f"{request.path_params['owner']}/{request.path_params['name']}"
        return JSONResponse({"id": model_id, "sha": REVISION, "siblings": []})

    async def tree(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        files = [*sorted(self.model.iterdir()), Path("pytorch_model.bin")]
        return JSONResponse([self._entry(file) for file in files])

    def _entry(self, file: Path) -> dict[str, object]:
        content = file.read_bytes() if file.exists() else b"pickled"
        return {
            "type": "file",
            "path": file.name,
            "size": len(content),
            "oid": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        }

    async def resolve(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        file = self.model / request.path_params["file"]
        etag = hashlib.sha256(file.read_bytes()).hexdigest()
        return FileResponse(file, headers={"etag": f'"{etag}"', "x-repo-commit": REVISION})


@pytest.fixture(scope="module")
def running_hub(model_cache: Path) -> Iterator[Hub]:
    hub = Hub(tiny_model(model_cache, seed=1))
    with serving(hub.app()) as url:
        hub.url = url
        yield hub


@pytest.fixture
def hub(running_hub: Hub) -> Hub:
    running_hub.requests.clear()
    running_hub.status = 200
    return running_hub


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
    hub: Hub, tmp_path: Path
) -> None:
    # Given an empty cache
    first = resolve(tmp_path, hub.url)
    # Then the pinned commit is fetched, safetensors only, and it is said
    assert isinstance(first["result"], dict)
    assert first["result"]["name"] == DEFAULT_MODEL
    assert first["result"]["revision"] == REVISION
    assert first["result"]["meaningful"] is True
    assert all(REVISION in path for path in hub.requests)
    assert any(path.endswith("model.safetensors") for path in hub.requests)
    assert not any(path.endswith(".bin") for path in hub.requests)
    assert "Downloading" in str(first["said"])
    # When it is resolved again
    hub.requests.clear()
    second = resolve(tmp_path, hub.url)
    # Then nothing goes over the network
    assert second == {"result": first["result"], "said": []}
    assert hub.requests == []


def test_an_interrupted_download_is_completed(hub: Hub, tmp_path: Path) -> None:
    first = resolve(tmp_path, hub.url)["result"]
    assert isinstance(first, dict)
    (Path(first["location"]) / "model.safetensors").unlink()
    again = resolve(tmp_path, hub.url)["result"]
    assert again == first
    assert (Path(first["location"]) / "model.safetensors").exists()


@pytest.mark.parametrize("status", [502, 407])
def test_a_proxys_error_falls_back_to_the_tiny_model(status: int, hub: Hub, model_cache: Path) -> None:
    hub.status = status
    answer = resolve(model_cache, hub.url)
    assert isinstance(answer["result"], dict)
    assert answer["result"]["meaningful"] is False
    assert f"HTTP {status}" in str(answer["said"])
    assert "text means nothing" in str(answer["said"])


def test_once_the_hub_can_be_reached_the_tiny_model_gives_way(hub: Hub, tmp_path: Path) -> None:
    # Given a first start without the Hub
    without = resolve(tmp_path, "http://127.0.0.1:9")
    assert isinstance(without["result"], dict)
    assert without["result"]["meaningful"] is False
    # When it is there at the next one, then its model is served
    answer = resolve(tmp_path, hub.url)
    assert isinstance(answer["result"], dict)
    assert (answer["result"]["name"], answer["result"]["meaningful"]) == (DEFAULT_MODEL, True)


@pytest.mark.parametrize(("status", "words"), [(401, "does not let you read"), (404, "has no model")])
def test_a_model_that_the_hub_refuses_is_an_error_with_a_remedy(
    status: int, words: str, hub: Hub, tmp_path: Path
) -> None:
    hub.status = status
    result = resolve(tmp_path, hub.url, "some/model")["result"]
    assert isinstance(result, dict)
    assert words in result["error"]
    assert result["remedy"]


def test_offline_the_hub_is_not_asked(hub: Hub, model_cache: Path) -> None:
    answer = resolve(model_cache, hub.url, HF_HUB_OFFLINE="1")
    assert isinstance(answer["result"], dict)
    assert answer["result"]["meaningful"] is False
    assert hub.requests == []
