"""How a command of `adept` ended, for the tests that run one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.stdout)

    @property
    def printed(self) -> str:
        """Everything, with the lines that a narrow table or terminal has folded made one."""
        return " ".join((self.stdout + self.stderr).split())
