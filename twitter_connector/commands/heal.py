"""Look after an account now, instead of when its turn comes."""

from __future__ import annotations

import click

from .session import account, fail, json_option, plainly, say, services


@click.command("heal")
@click.argument("account_id", required=False)
@json_option
@plainly
def heal(account_id: str | None, as_json: bool) -> None:
    """Check webhook and subscription, bring back what is missing, and read back messages that did not arrive."""
    svc = services()
    found = account(svc, account_id)
    standing = svc.onboard.repair(found)
    seen, new = svc.upkeep.fill(standing.account, at_once=True)
    done = ", ".join(standing.actions) or "nothing to do"
    sentence = f"account {found.id}: {done}; {seen} messages of customers read back, {new} of them were missing."
    say(sentence, as_json, **standing.as_json(), read_back=seen, missing=new)
    if standing.webhook is None or not standing.webhook.valid:
        fail("the webhook is still not valid.")
