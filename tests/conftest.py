"""Shared by every test."""

from __future__ import annotations

import infra  # noqa: F401 - chooses the pinned Node before the CDK starts one
