"""`adept`: the command line. Every failure that a user can cause is one message, no traceback."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Entry point of the console script. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C or SIGTERM."""
    # What a cancelled CI job gets must end what we have started, and say in which state things are, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # Only here, because somebody may press Ctrl-C in the second that it takes to load and wire everything. Typer
        # itself ends with 130 from the moment on at which it looks at the arguments.
        from typer.main import get_command

        from endpoints.commands.every_command import app
        from endpoints.commands.output import print_error
        from endpoints.errors import AdeptError

        command = get_command(app)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted: nothing was changed\n")
        sys.exit(130)
    try:
        command()
    except AdeptError as error:
        print_error(error.message, error.remedy)
        sys.exit(error.exit_code)
