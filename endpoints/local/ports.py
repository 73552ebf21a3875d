"""Loopback ports: free or taken, and by whom."""

from __future__ import annotations

import socket

from endpoints.errors import LocalError
from endpoints.local.processes import port_owner


def is_free(port: int) -> bool:
    """True when nothing listens on the loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def require_free(port: int) -> None:
    """Raise `LocalError` naming the process that listens on the port."""
    if is_free(port):
        return
    owner = port_owner(port)
    raise LocalError(
        f"port {port} is already in use" + (f" by {owner}" if owner else ""),
        remedy="End that process, or choose another port: --port 4578, or ADEPT_LOCAL_PORT=4578.",
    )
