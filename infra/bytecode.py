"""Bytecode for a bundle: Lambda's disk is read-only, so what is not compiled before is compiled at every cold start."""

from __future__ import annotations

import compileall
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

_AT_RUN_TIME = "/var/task"  # where Lambda puts a bundle: what tracebacks name


def can_compile(python: str) -> bool:
    """Whether this interpreter's bytecode is that of `python` ("3.14")."""
    return python == f"{sys.version_info.major}.{sys.version_info.minor}"


def compile_folder(folder: Path) -> None:
    """Put bytecode beside every module. It is taken without a look at the source, which nobody changes in a bundle."""
    compileall.compile_dir(
        folder,
        quiet=2,  # what cannot be compiled cannot be imported either, and then nobody does
        stripdir=str(folder),
        prependdir=_AT_RUN_TIME,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
