"""Celery's worker and scheduler, as `celery --quiet --app workers.app` starts them, without Celery's other commands.

Those import a library for terminals, which takes memory in each process.

    python -m workers worker|beat [OPTION...]       the options are Celery's
"""

from __future__ import annotations

import sys

from celery.bin.base import CLIContext

from .app import app


def main() -> None:
    """Run one of the two commands, and end the process with its status."""
    if sys.argv[1:2] not in (["worker"], ["beat"]):
        sys.exit("error: python -m workers needs `worker` or `beat` first. Other commands of Celery: celery -A workers")
    name, *options = sys.argv[1:]
    # Celery runs Python with these words when SIGHUP starts a worker again. The path of this file would not do.
    sys.argv = ["-m", "workers", name, *options]
    if name == "beat":
        from celery.bin.beat import beat as command
    else:
        from celery.bin.worker import worker as command
    command.main(options, prog_name=name, obj=CLIContext(app=app, no_color=False, workdir=None, quiet=True))


if __name__ == "__main__":
    main()
