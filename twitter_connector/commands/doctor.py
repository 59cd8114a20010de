"""Checks everything that the service depends on, and says what to do about each fault."""

from __future__ import annotations

import sys

import click

from twitter_connector.findings.report import all_findings

from .environment import json_option, out
from .session import plainly, services, show


@click.command("doctor")
@json_option
@plainly
def doctor(as_json: bool) -> None:
    """Check environment, broker, workers, what waits, CCM, file engine, X, and each account.

    Exit with status 1 if a person has to act.
    """
    results = list(all_findings(services()))
    if as_json:
        show([finding.__dict__ for finding in results], True)
    else:
        for finding in results:
            out(f"{'ok ' if finding.ok else 'BAD'}  {finding.what:29}{finding.detail}")
            if finding.advice:
                out(f"     -> {finding.advice}")
    sys.exit(0 if all(finding.ok for finding in results) else 1)
