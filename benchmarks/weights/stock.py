"""Download, then upload, with the stock clients as they come: huggingface_hub, then boto3's transfer manager."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig, create_transfer_manager
from huggingface_hub import snapshot_download
from huggingface_hub.utils.tqdm import disable_progress_bars

from benchmarks.weights.repository import REPO_ID, REVISION
from benchmarks.weights.runs import Run


def begin(variables: Mapping[str, str]) -> None:
    """Addresses and keys; nothing that a terminal would show."""
    os.environ.update(variables)
    disable_progress_bars()


def download_then_upload(hub_url: str, bucket: str, prefix: str) -> Run:
    """Everything of the commit into a cache on disk (8 files at once), from there to S3 (10 parts of 8 MiB at once)."""
    cache = Path(tempfile.mkdtemp(prefix="stock-"))
    try:
        began_s = time.perf_counter()
        snapshot = Path(
            snapshot_download(REPO_ID, revision=REVISION, endpoint=hub_url, token=False, cache_dir=cache)
        )
        downloaded_s = time.perf_counter()
        client = boto3.client("s3")
        with create_transfer_manager(client, TransferConfig()) as manager:
            sent = [manager.upload(str(file), bucket, prefix + file.name) for file in snapshot.iterdir()]
            for each in sent:
                each.result()
        steps_s = {"download": downloaded_s - began_s, "upload": time.perf_counter() - downloaded_s}
        files = (file for file in cache.rglob("*") if file.is_file() and not file.is_symlink())
        return Run(steps_s, disk_bytes=sum(file.stat().st_size for file in files), memory_mib=_memory_mib())
    finally:
        shutil.rmtree(cache)


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
