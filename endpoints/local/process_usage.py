"""What the model server processes take of this machine: it stands for the instances' own usage."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from endpoints.local.containers import ContainerHost
from endpoints.local.model_servers import FALLBACK_VARIANT, LocalContainerHost
from endpoints.local.sagemaker.metrics import Usage


class ProcessUsage:
    """Remembers processes between two looks: psutil tells the CPU time since the last one."""

    def __init__(self, host: ContainerHost) -> None:
        self._host = host
        self._processes: dict[int, psutil.Process] = {}

    def of_variant(self, name: str) -> Usage | None:
        """None for a host without processes of its own, or while the process is not running."""
        if not isinstance(self._host, LocalContainerHost):
            return None
        by_variant = {status.variant: status.pid for status in self._host.status()}
        pid = by_variant.get(name, by_variant.get(FALLBACK_VARIANT))
        return self._of_process(pid) if pid else None

    def _of_process(self, pid: int) -> Usage | None:
        try:
            process = self._processes.setdefault(pid, psutil.Process(pid))
            cpu = process.cpu_percent() / (psutil.cpu_count() or 1)
            memory = process.memory_percent()
        except psutil.Error:
            self._processes.pop(pid, None)
            return None
        disk = shutil.disk_usage(Path.cwd())
        return Usage(cpu=cpu, memory=memory, disk=100 * disk.used / disk.total)
