"""What the model server processes take of this machine: it stands for the instances' own usage."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from endpoints.local.containers import ContainerHost
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.sagemaker.metrics import Usage


class ProcessUsage:
    """Remembers processes between two looks: psutil tells the CPU time since the last one."""

    def __init__(self, host: ContainerHost) -> None:
        self._host = host
        self._processes: dict[int, psutil.Process] = {}

    def by_variant(self) -> dict[str, Usage]:
        """By `<endpoint>/<variant>`: what the process behind it takes. A host without processes of its own has none."""
        if not isinstance(self._host, LocalContainerHost):
            return {}
        found: dict[str, Usage] = {}
        for status in self._host.status():
            usage = self._of_process(status.pid) if status.pid else None
            if usage is not None:
                found |= dict.fromkeys(status.serves, usage)
        return found

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
