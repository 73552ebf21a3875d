"""Loopback ports: free or taken, and by whom."""

from __future__ import annotations

import socket
import time

from endpoints.errors import LocalError
from endpoints.local.processes import port_owner

LETTING_GO_S = 1.5
POLL_INTERVAL_S = 0.05


def free_port() -> int:
    """A loopback port that nothing listens on now; another program may take it before its user does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """True when nothing listens on the loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def becomes_free(port: int) -> bool:
    """Like `is_free`, with a moment's patience: a killed process lets go of its port a little after it ended."""
    deadline = time.monotonic() + LETTING_GO_S
    while not (free := is_free(port)) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)
    return free


def require_free(port: int) -> None:
    """Raise `LocalError` naming the process that listens on the port."""
    if becomes_free(port):
        return
    owner = port_owner(port)
    raise LocalError(
        f"port {port} is already in use" + (f" by {owner}" if owner else ""),
        remedy="End that process, or choose another port: --port 4578, or ADEPT_LOCAL_PORT=4578.",
    )
