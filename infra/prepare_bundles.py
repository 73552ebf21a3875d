"""`make setup`: fetch the Lambdas' dependencies for every environment, so that a synth needs no network."""

from __future__ import annotations

import sys

from endpoints.catalogue import HOST, load_catalogue
from endpoints.errors import AdeptError
from infra.lambda_bundle import PROGRAMS, Target, install_dependencies


def main() -> int:
    try:
        for environment in load_catalogue().environments:
            router = environment.router
            target = Target.resolve(router.python, router.architecture)
            for program in PROGRAMS:
                install_dependencies(program, target, for_this_host=router.python == HOST)
    except AdeptError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
