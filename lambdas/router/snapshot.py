"""Lambda SnapStart: what the copies of one snapshot must not share.

Lambda takes the snapshot when the router is ready, before any request but the adapter's for the health, which calls
nobody: no connection is open and no credential is held.
What every copy would have alike are the random numbers with which waits are spread. After a restore the Lambda Web
Adapter posts to the path that its variable names, and answers 403 to callers who do.
"""

from __future__ import annotations

import os
import random

from lambdas.router.messages import Response

RESTORED_PATH = "AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH"


def restored_path() -> str | None:
    """Where the adapter says that this process was restored; None where there is no adapter."""
    return os.environ.get(RESTORED_PATH) or None


def begin_anew() -> Response:
    """Take new random numbers from the system."""
    random.seed()
    return Response(200)
