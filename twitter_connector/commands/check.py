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
    # As they are before the repair: what comes with it must not hide what was missed before.
    signs = svc.accounts.signs(found.id)
    standing = svc.onboard.repair(found)
    read = svc.upkeep.fill(standing.account, signs, at_once=True)
    done = ", ".join(standing.actions) or "nothing to do"
    if read is None:
        fail(
            f"account {found.id}: {done}; but the customers' messages could not be read back, for the reason above. "
            "It is tried again by itself within ten minutes, as long as `worker` and `beat` run."
        )
    seen, new = read
    sentence = f"account {found.id}: {done}; {seen} messages of customers read back, {new} of them were missing."
    say(sentence, as_json, **standing.as_json(), read_back=seen, missing=new)
    if standing.webhook is None or not standing.webhook.valid:
        fail("the webhook is still not valid.")
