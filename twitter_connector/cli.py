"""The command line: the guide's steps and an operator's day, on the same use cases as the web."""

from __future__ import annotations

import click

from twitter_connector.commands import accounts, alive, authorize, check, credentials, dead_letters, doctor, run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Twitter (X) Direct Messages for Expertflow CIM."""


for command in (
    run.up,
    run.web,
    run.worker,
    run.beat,
    run.run_broker,
    alive.alive,
    accounts.account_id,
    accounts.register,
    accounts.unregister,
    accounts.status,
    accounts.webhooks,
    authorize.authorize,
    check.check,
    check.heal,
    dead_letters.dead_letters,
    doctor.doctor,
    credentials.credentials,
):
    main.add_command(command)
