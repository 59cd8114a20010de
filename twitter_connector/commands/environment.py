"""What every command begins with: the settings, one line for a failure, and the answer for people or machines.

Imports little, so that the processes and probes that start through a command start quickly.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from twitter_connector.config import BadSetting, Settings
from twitter_connector.logs import configure, without_controls

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def out(line: str = "", *, err: bool = False) -> None:
    """Print one line. Values of X, CCM and the environment may contain anything, so control characters are left out."""
    try:
        click.echo(without_controls(line), err=err)
    except BrokenPipeError:
        raise  # click ends the command: `| head` has read enough
    except OSError as error:
        if err:
            sys.exit(1)
        fail(f"the output cannot be written ({error.strerror}).")


def fail(sentence: str, status: int = 1) -> NoReturn:
    """End the command with one line on the error output."""
    out(f"error: {sentence}", err=True)
    sys.exit(status)


def settings(*, one_process: bool = False, needs_ccm: bool = True) -> Settings:
    """Return the environment's settings, and set up logging. End the command with one line if a variable cannot be used
    or VAR_DIR cannot be written.

    one_process: this is a process that needs CCM_URL or SANDBOX=1, as `gunicorn wsgi:app` does. needs_ccm: whether the
    command needs either.
    """
    try:
        configured = Settings.from_env(sandbox_in_checkout=not one_process, needs_ccm=needs_ccm)
    except BadSetting as error:
        fail(str(error), 2)
    _require_folder(configured.var_dir)
    # The process that a command becomes repeats the warnings by itself.
    configure(configured.log_level, configured.log_format, warnings=() if one_process else configured.warnings)
    return configured


def _require_folder(path: Path) -> None:
    try:
        path.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        fail(f"VAR_DIR: {path} cannot be written. Mount a folder there that belongs to this user, or name another.", 2)


def say(sentence: str, as_json: bool, **facts: Any) -> None:
    """Print what was done: a sentence, or the facts as a JSON object."""
    out(json.dumps(facts) if as_json else sentence)
