"""What a user may choose about the embedded AWS, and where its files lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from endpoints.errors import LocalError

# Twelve digits, because ministack reads the account from such an access key: one constant is both. No real
# access key looks like this, so AWS would refuse a request that leaked.
ACCOUNT = "000000004577"
ACCESS_KEY_ID = ACCOUNT
SECRET_ACCESS_KEY = "embedded-aws"  # noqa: S105 -- nothing checks it; signing needs some value  # pragma: allowlist secret

DEFAULT_HOME = Path(".adept/local")
DEFAULT_PORT = 4577
DEFAULT_REGION = "us-east-1"

# Below these paths of the embedded AWS a local Hub answers, and its content delivery network.
HUB_PATH = "/_adept/hub"
CDN_PATH = "/_adept/hub-cdn"

# Carried by every process of one embedded AWS, so that all of them are found again, orphans included.
# Not a setting: a user's shell never has it (ADEPT_LOCAL_HOME may well be exported there).
PROCESS_MARKER = "ADEPT_LOCAL_PROCESS_OF"


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """One embedded AWS: its home directory, its loopback port, and the model behind its endpoints.

    `backend_url` is the base URL of an OpenAI-compatible server that stands in for the local models
    (`http://localhost:11434/v1`); `model` is the model's name there, or a Hub repository without a backend.
    """

    home: Path = DEFAULT_HOME
    port: int = DEFAULT_PORT
    region: str = DEFAULT_REGION
    backend_url: str | None = None
    model: str | None = None
    time_scale: float = 1.0  # how many times faster waits, alarms and scaling pass than on AWS
    hub_url: str | None = (
        None  # another Hub than the local one for what stages weights, without a slash at the end
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", Path(self.home).expanduser().resolve())
        if not 1024 <= self.port <= 65535:
            raise LocalError(
                f"port {self.port} cannot be used", remedy="Choose a port from 1024 to 65535 with --port."
            )
        if not 1 <= self.time_scale <= 200:
            raise LocalError(
                f"a time scale of {self.time_scale:g} cannot be used",
                remedy="Set ADEPT_LOCAL_TIME_SCALE to a number from 1 (real time) to 200, or unset it.",
            )

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        home: Path | None = None,
        port: int | None = None,
        backend_url: str | None = None,
        model: str | None = None,
    ) -> LocalSettings:
        """What was given, else ADEPT_LOCAL_HOME, _PORT, _REGION, _BACKEND, _MODEL, _TIME_SCALE and _HUB, else the
        defaults."""
        values = os.environ if environment is None else environment
        return cls(
            home=home or Path(values.get("ADEPT_LOCAL_HOME", DEFAULT_HOME)),
            port=_port(values) if port is None else port,
            region=values.get("ADEPT_LOCAL_REGION", DEFAULT_REGION),
            backend_url=backend_url or values.get("ADEPT_LOCAL_BACKEND") or None,
            model=model or values.get("ADEPT_LOCAL_MODEL") or None,
            time_scale=_time_scale(values),
            hub_url=values.get("ADEPT_LOCAL_HUB", "").rstrip("/") or None,
        )

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def hub_endpoint(self) -> str:
        """What HF_ENDPOINT is for the Lambda functions."""
        return self.hub_url or f"{self.endpoint_url}{HUB_PATH}"

    @property
    def lock_file(self) -> Path:
        """The lock of the local environment: which bytes stand in here."""
        return self.home / "local.lock.yaml"

    @property
    def digest_file(self) -> Path:
        """Digests of large model files, so that they are hashed once."""
        return self.home / "digests.json"

    @property
    def snapshot_dir(self) -> Path:
        """What the endpoints' instances downloaded from S3."""
        return self.home / "snapshots"

    @property
    def state_dir(self) -> Path:
        return self.home / "state"

    @property
    def log_dir(self) -> Path:
        return self.home / "logs"

    @property
    def server_log(self) -> Path:
        return self.log_dir / "server.log"

    @property
    def model_dir(self) -> Path:
        """Where downloaded and built models lie."""
        return self.home / "models"

    @property
    def temporary_dir(self) -> Path:
        """Where unpacked Lambda bundles lie; emptied when the embedded AWS ends."""
        return self.home / "tmp"

    @property
    def process_record(self) -> Path:
        return self.home / "server.json"


def _time_scale(environment: Mapping[str, str]) -> float:
    text = environment.get("ADEPT_LOCAL_TIME_SCALE") or "1"
    try:
        return float(text)
    except ValueError:
        raise LocalError(
            f"ADEPT_LOCAL_TIME_SCALE is {text!r}, which is not a number",
            remedy="Set it to a number from 1 (real time) to 200, or unset it.",
        ) from None


def _port(environment: Mapping[str, str]) -> int:
    text = environment.get("ADEPT_LOCAL_PORT", str(DEFAULT_PORT))
    try:
        return int(text)
    except ValueError:
        raise LocalError(
            f"ADEPT_LOCAL_PORT is {text!r}, which is not a number",
            remedy="Set it to a port from 1024 to 65535, or unset it.",
        ) from None
