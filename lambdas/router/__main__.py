"""`python -m lambdas.router`."""

import gc
import sys

gc.disable()  # while modules are loaded nothing becomes garbage, and looking for it takes a tenth of the time

from lambdas.router.server import main  # noqa: E402 - as said

sys.exit(main())
