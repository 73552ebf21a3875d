"""Signed links to the CDN: whoever holds one may read that file until it expires; nobody is asked who they are."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from urllib.parse import urlencode


class SignedLinks:
    """Links last `lifetime_s`, as the real CDN's do: those of a server that was restarted are void at once."""

    def __init__(self, lifetime_s: float) -> None:
        self._lifetime_s = lifetime_s
        self._key = secrets.token_bytes(32)

    def query(self, path: str, disposition: str) -> str:
        """The query that opens `path`."""
        expires = str(int(time.time() + self._lifetime_s))
        return urlencode(
            {
                "response-content-disposition": disposition,
                "Expires": expires,
                "Signature": self._signature(path, disposition, expires),
                "Key-Pair-Id": "local-hub",
            }
        )

    def opens(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether a link is one of ours, unchanged, and still good."""
        expires, disposition = query.get("Expires", ""), query.get("response-content-disposition", "")
        if not expires.isdigit() or int(expires) <= time.time():
            return False
        return hmac.compare_digest(query.get("Signature", ""), self._signature(path, disposition, expires))

    def _signature(self, path: str, disposition: str, expires: str) -> str:
        signed = "\n".join((path, disposition, expires)).encode()
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()
