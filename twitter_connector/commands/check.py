"""Check and repair one account now, before its regular check."""

from __future__ import annotations

from copy import copy

import click

from twitter_connector.model.timestamps import iso

from .environment import fail, json_option, say
from .session import account, plainly, services


@click.command("check")
@click.argument("account_id", required=False)
@json_option
@plainly
def check(account_id: str | None, as_json: bool) -> None:
    """Check webhook and subscription of an account, repair them, and read missed messages from X."""
    svc = services()
    known = account(svc, account_id)
    # Read before the repair: events that arrive with it must not hide what was missed before.
    account_status = svc.accounts.account_status(known.id)
    registration_status = svc.registration.repair(known)
    read = svc.upkeep.backfill.read(registration_status.account, account_status, at_once=True)
    done = ", ".join(registration_status.actions) or "nothing to do"
    job = svc.replay_jobs.of(known.id)
    if read is None and job is not None:
        sentence = f"account {known.id}: {done}; X replays the messages since {iso(job.since)} to the webhook."
        say(sentence, as_json, **registration_status.as_json(), replay_job=job.id)
        return
    if read is None:
        fail(
            f"account {known.id}: {done}; but the customers' messages could not be read back, for the reason above. "
            "The service tries again within ten minutes, if `worker` and `beat` run."
        )
    seen, new = read
    sentence = f"account {known.id}: {done}; {seen} messages of customers read back, {new} of them were missing."
    say(sentence, as_json, **registration_status.as_json(), read_back=seen, missing=new)
    if not registration_status.works:
        fail("the webhook or the subscription still does not work.")


# The command's name in 0.1.0. Scripts may still use it.
heal = copy(check)
heal.name, heal.hidden = "heal", True
