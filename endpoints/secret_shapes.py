"""What secrets look like: no value of the catalogue and no container setting may look like one."""

from __future__ import annotations

import re

SECRET = re.compile(
    r"hf_[A-Za-z0-9]{16,}"  # Hugging Face access token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS access key
    r"|\bsk-[A-Za-z0-9_-]{20,}"  # API keys of model providers
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"  # GitHub token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def looks_secret(text: str) -> bool:
    """True when `text` holds something in the shape of a known kind of secret."""
    return SECRET.search(text) is not None
