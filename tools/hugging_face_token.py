"""A detect-secrets plugin: user access tokens of the Hugging Face Hub, which the stock plugins do not know."""

from __future__ import annotations

import re

from detect_secrets.plugins.base import RegexBasedDetector


class HuggingFaceTokenDetector(RegexBasedDetector):
    """Tokens are "hf_" and 34 letters or digits today; 30 leaves room for other lengths."""

    secret_type = "Hugging Face token"  # noqa: S105 - a label  # pragma: allowlist secret
    denylist = (re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),)
