"""`python -m lambdas.router`."""

import sys

from lambdas.router.server import main

sys.exit(main())
