"""Does the router keep what it has? Minutes of full load, whole and streamed, with faults sprinkled in.

    .venv/bin/python benchmarks/soak.py [--minutes 10] [--connections 48] [--seed 1] [--json]

The router runs in a process of its own, its callers and a scripted SageMaker in another; nobody pauses. One in
twelve requests meets one of the fault suite's faults, one in fifty streams is left by its caller. Goals, stated before
measuring; the exit code is 0 only when all hold:

- every request that was sent is answered, refused in OpenAI's shape, interrupted with an error event, or left by its
  caller: none is lost, and the log has a line for each;
- over the time after the warm-up (its first fifth) memory grows by at most 2 MiB and file descriptors by at most 2,
  by Theil and Sen's slope.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    # The scripted SageMaker is the fault suite's, which is not installed with the product.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from benchmarks.soaking import run

    return run.main(__doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
