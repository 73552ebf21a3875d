"""Where a snapshot lies, and which snapshot an object belongs to."""

from __future__ import annotations

import pytest

from endpoints.weights.layout import Area, SnapshotId, place_of, snapshot_of_uri

SHA = "0e9e39f249a16976918f6564b8830bc894c89659"
LLAMA = SnapshotId("meta-llama/Llama-3.1-8B-Instruct", SHA)


def test_a_snapshots_places() -> None:
    assert LLAMA.prefix == f"meta-llama/Llama-3.1-8B-Instruct/{SHA}/"
    assert LLAMA.manifest_key == f"_manifests/meta-llama/Llama-3.1-8B-Instruct/{SHA}.json"
    assert LLAMA.staging_prefix == f"_staging/meta-llama/Llama-3.1-8B-Instruct/{SHA}/"


@pytest.mark.parametrize(
    ("key", "area"),
    [
        (f"{LLAMA.prefix}config.json", Area.FILE),
        (f"{LLAMA.prefix}below/config.json", Area.FILE),
        (LLAMA.manifest_key, Area.MANIFEST),
        (f"{LLAMA.staging_prefix}parts.json", Area.STAGING),
        (f"{LLAMA.staging_prefix}verified/config.json.json", Area.STAGING),
    ],
)
def test_every_object_of_a_snapshot_is_known_as_its_own(key: str, area: Area) -> None:
    assert place_of(key) == (LLAMA, area)


@pytest.mark.parametrize(
    "key",
    [
        "notes.txt",
        f"{SHA}/config.json",
        f"one/{SHA}/x",
        f"a/b/{SHA[:-1]}/x",
        f"a/b/{SHA}",
        "_manifests/a/b/main.json",
    ],
)
def test_an_object_that_nobody_here_put_there_belongs_to_none(key: str) -> None:
    assert place_of(key) is None


def test_a_models_uri_names_its_snapshot() -> None:
    assert snapshot_of_uri(f"s3://weights/{LLAMA.prefix}", "weights") == LLAMA
    assert snapshot_of_uri(f"s3://weights/{LLAMA.prefix.rstrip('/')}", "weights") == LLAMA
    assert snapshot_of_uri(f"s3://other/{LLAMA.prefix}", "weights") is None
    assert snapshot_of_uri("s3://weights/model.tar.gz", "weights") is None
