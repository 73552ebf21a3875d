"""Which server runs in a home directory, and how it was started: `server.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from endpoints.local.model_source import LocalModels
from endpoints.local.processes import ProcessId
from endpoints.local.settings import LocalSettings


@dataclass(frozen=True, kw_only=True)
class ProcessRecord:
    """A started server, and the models that stand in on it."""

    pid: int
    create_time: float
    port: int
    region: str
    backend_url: str | None
    model: str | None
    models: LocalModels
    hub_url: str | None = None

    @classmethod
    def of(cls, process: ProcessId, settings: LocalSettings, models: LocalModels) -> ProcessRecord:
        return cls(
            pid=process.pid,
            create_time=process.create_time,
            port=settings.port,
            region=settings.region,
            backend_url=settings.backend_url,
            model=settings.model,
            models=models,
            hub_url=settings.hub_url,
        )

    @classmethod
    def read(cls, settings: LocalSettings) -> ProcessRecord | None:
        """The record in the home directory when its process still runs; a stale one is None."""
        record = cls._parse(settings.process_record)
        return record if record and record.process_id.process() else None

    @classmethod
    def _parse(cls, path: Path) -> ProcessRecord | None:
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**fields, "models": LocalModels.from_json(fields["models"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # half-written, or another version's
            return None

    def write(self, settings: LocalSettings) -> None:
        temporary = settings.process_record.with_suffix(".tmp")
        fields = {**asdict(self), "models": self.models.to_json()}
        temporary.write_text(json.dumps(fields, indent=2), encoding="utf-8")
        temporary.replace(settings.process_record)

    @property
    def process_id(self) -> ProcessId:
        return ProcessId(self.pid, self.create_time)

    def settings(self, asked: LocalSettings) -> LocalSettings:
        """The settings that the server runs with."""
        return replace(
            asked,
            port=self.port,
            region=self.region,
            backend_url=self.backend_url,
            model=self.model,
            hub_url=self.hub_url,
        )
