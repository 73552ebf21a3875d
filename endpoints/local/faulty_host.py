"""A container host whose containers have the faults that were asked for."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from endpoints.errors import ContainerFailed
from endpoints.local.cloudwatch import TimeScale
from endpoints.local.containers import ContainerHost, ContainerSpec, RunningContainer
from endpoints.local.faults import ContainerFault, ContainerRule, Faults

_STATUSES = {ContainerFault.SERVER_ERROR: 500, ContainerFault.OVERLOADED: 429}


class FaultyHost(ContainerHost):
    """Wraps a host. Without a fault everything is the host's."""

    def __init__(self, host: ContainerHost, faults: Faults, time_scale: TimeScale) -> None:
        self._host = host
        self._faults = faults
        self._time_scale = time_scale
        self._server: _FaultServer | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def start(self, spec: ContainerSpec, *, timeout_s: float) -> RunningContainer:
        """As the host, unless a fault lets the start fail or last."""
        rule = self._faults.at_start(spec)
        if rule is not None:
            self._delay(rule, timeout_s)
        container = self._host.start(spec, timeout_s=timeout_s)
        self._faults.note_start(container.container_id, spec)
        return container

    def stop(self, container_id: str) -> None:
        self._faults.note_stop(container_id)
        self._host.stop(container_id)

    def is_healthy(self, container_id: str) -> bool:
        crashed = self._faults.of_running(container_id) is ContainerFault.CRASH
        return not crashed and self._host.is_healthy(container_id)

    def url_of(self, container: RunningContainer) -> str:
        """Where a container answers right now."""
        fault = self._faults.of_running(container.container_id)
        if fault is ContainerFault.CRASH or fault in _STATUSES:
            return self._fault_server().url(fault)
        return container.base_url

    def end_delays(self) -> None:
        """Let no start wait any longer, and answer no more for faulty containers."""
        self._closing.set()
        with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None

    def close(self) -> None:
        self.end_delays()
        self._host.close()

    def _delay(self, rule: ContainerRule, timeout_s: float) -> None:
        if rule.fault is ContainerFault.SLOW_START and rule.seconds < timeout_s:
            self._closing.wait(self._time_scale.wait_s(rule.seconds))
        elif rule.fault in (ContainerFault.NEVER_HEALTHY, ContainerFault.SLOW_START):
            self._closing.wait(self._time_scale.wait_s(timeout_s))
            raise ContainerFailed(f"Injected fault: {rule.fault.value}.")

    def _fault_server(self) -> _FaultServer:
        with self._lock:
            if self._server is None:
                self._server = _FaultServer()
            return self._server


class _FaultServer:
    """Answers with an error, or hangs up, by path; on loopback, from daemon threads."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _FaultHandler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="fault server", daemon=True).start()

    def url(self, fault: ContainerFault) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{fault.value}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _FaultHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = _STATUSES.get(ContainerFault(self.path.split("/")[1]))
        if status is None:
            self.close_connection = True
            return
        message = f"injected fault: every invocation of this container answers {status}"
        body = json.dumps({"error": message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Quiet: every request would be a line."""
