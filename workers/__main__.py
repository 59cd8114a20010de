"""Celery's worker and scheduler, as `celery --quiet --app workers.app` starts them, without Celery's other commands.

Those import a library for terminals, which takes memory in each process.

    python -m workers worker|beat [OPTION...]       the options are Celery's
"""

from __future__ import annotations

import sys

from celery.bin.base import CLIContext

# Not relative: on SIGHUP Celery starts this file again, by its path.
from workers.app import app


def main() -> None:
    """Run one of the two commands, and end the process with its status."""
    name, *options = sys.argv[1:]
    if name == "beat":
        from celery.bin.beat import beat as command
    else:
        from celery.bin.worker import worker as command
    command.main(options, prog_name=name, obj=CLIContext(app=app, no_color=False, workdir=None, quiet=True))


if __name__ == "__main__":
    main()
