"""Talk to a model server process: its state, and the containers in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx

from endpoints.local.containers import ContainerSpec
from endpoints.local.model_server.app import LoadState

REQUEST_TIMEOUT_S: Final = 5.0
PING_TIMEOUT_S: Final = 2.0


class NoAnswerError(Exception):
    """The process is not listening: not yet, or not any more."""


class ContainerRefusedError(Exception):
    """The launcher would not start such a container; the message is the launcher's."""


@dataclass(frozen=True)
class ServerState:
    """How far the process' model is, and why it failed."""

    load: LoadState
    reason: str | None
    pid: int


class ModelServerClient:
    """A process by its port. Thread-safe; keeps no connection open."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(
            base_url=self._url,
            timeout=REQUEST_TIMEOUT_S,
            trust_env=False,  # loopback never goes through a proxy
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def container_url(self, container_id: str) -> str:
        """Where /ping and /invocations of a container live."""
        return f"{self._url}/containers/{container_id}"

    def state(self) -> ServerState:
        """The process' state. Raises `NoAnswerError`."""
        try:
            document = self._send("GET", "/status").json()
            return ServerState(LoadState(document["state"]), document["reason"], document["pid"])
        except (ValueError, KeyError, TypeError):
            raise NoAnswerError("something else answers on the port") from None

    def register(self, container_id: str, spec: ContainerSpec) -> None:
        """Start a container in the process. Raises `ContainerRefusedError` and `NoAnswerError`."""
        definition = {
            "image": spec.image,
            "environment": dict(spec.environment),
            "model_data_url": spec.model_data_url,
        }
        answer = self._send("PUT", f"/containers/{container_id}", json=definition)
        if not answer.is_success:
            raise ContainerRefusedError(answer.json()["error"])

    def unregister(self, container_id: str) -> None:
        """Stop a container in the process. Raises `NoAnswerError`."""
        self._send("DELETE", f"/containers/{container_id}")

    def is_healthy(self, container_id: str) -> bool:
        """Whether the container's health check passes now."""
        try:
            answer = self._send("GET", f"/containers/{container_id}/ping", timeout=PING_TIMEOUT_S)
        except NoAnswerError:
            return False
        return answer.status_code == httpx.codes.OK

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            raise NoAnswerError(str(error)) from error
