"""Whom to trust: the system's certificate authorities, or AWS_CA_BUNDLE.

Reading them takes 15-20 ms, so it happens once and not before it is needed. Nothing secret is in a context: it may
be made before Lambda takes a snapshot of the process.
"""

from __future__ import annotations

import os
import ssl
from functools import cache


@cache
def client_context() -> ssl.SSLContext:
    """Verifies host names and certificates. Raises OSError or ssl.SSLError when AWS_CA_BUNDLE cannot be read."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
