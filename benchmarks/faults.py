"""What gateways do when a model fails: this router, LiteLLM's proxy, Portkey's gateway and Envoy under the same faults.

    .venv/bin/python benchmarks/faults.py [--gateways router,litellm,litellm-openai,portkey,envoy] [--json]

Each gateway has a primary and one alternative, is told to wait 2 s for a candidate's first word and for each next one
and 5 s for everything, as far as it has such settings, and may repeat what passes. The primary has the fault, the
alternative is well unless the case says otherwise. Whatever speaks SageMaker's protocol is given the fault in that one,
everything else in OpenAI's. Every case is a place of its own, so that no breaker or cooldown knows of another case.

What is owed, stated before measuring. As long as nothing has gone to the caller and a candidate is well: the right
answer. Else a clear error: its status says whose fault it is and whether to come again, and its text names the cause
in the candidate's words where it had any. After a part of a stream: the rest, or an error event. Verdicts, from the
worst for the caller on; a case gets the first that holds:

    hang         no end within 5 s, and 1 s more for a busy machine
    truncated    a part of the answer that ends as a whole one ends
    malformed    status 200 with what no client can read
    cut          the connection ends within the answer: told, but not why
    no fallback  an error although a candidate was well
    masked       an error of the wrong class, or one that does not name the cause
    retried      the caller's own mistake put to a candidate more than once
    hammered     one candidate asked more than 3 times in a second for one request, or sooner than its Retry-After, or,
                 when it fails every time, for more than half of 20 requests in turn
    ok           none of these
    n/a          the gateway cannot be put into the case

The exit code is 0 only when this router is ok in every case. The others are installed under .build/benchmarks the first
time, from lock files with hashes. It takes two to three minutes then.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    # What upstreams do when they fail is the fault suite's, which is not installed with the product.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from benchmarks.faulty import command

    return command.main()


if __name__ == "__main__":
    sys.exit(main())
