"""Look after an account now, instead of when its turn comes."""

from __future__ import annotations

import click

from .session import account, fail, plainly, services


@click.command("heal")
@click.argument("account_id", required=False)
@plainly
def heal(account_id: str | None) -> None:
    """Check webhook and subscription, bring back what is missing, and read back messages that did not arrive."""
    svc = services()
    found = account(svc, account_id)
    standing = svc.onboard.repair(found)
    seen, new = svc.upkeep.fill(standing.account, at_once=True)
    done = ", ".join(standing.actions) or "nothing to do"
    click.echo(f"account {found.id}: {done}; {seen} messages of customers read back, {new} of them were missing.")
    if standing.webhook is None or not standing.webhook.valid:
        fail("the webhook is still not valid.")
