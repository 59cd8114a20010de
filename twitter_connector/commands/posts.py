"""`posts`: shows or chooses which public posts of an account become comments."""

from __future__ import annotations

import time

import click

from twitter_connector.model.post import MODES
from twitter_connector.store.accounts import REFRESH_PAUSE_SECONDS

from .environment import json_option, say
from .session import account, plainly, services


@click.command("posts")
@click.argument("account_id")
@click.argument("mode", required=False, type=click.Choice(MODES))
@json_option
@plainly
def posts(account_id: str, mode: str | None, as_json: bool) -> None:
    """Show which public posts of an account become comments, or choose it: off, mentions, replies or all.

    Off removes the account's subscriptions of posts at X, and no others.
    """
    svc = services()
    chosen = account(svc, account_id)
    remarks: list[str] = []
    if mode is not None:
        status = svc.posts_choice.choose(chosen, mode)
        remarks = [r.sentence for r in status.subscriptions.remarks] if status is not None else []
        # A web process may use the former choice until then.
        time.sleep(REFRESH_PAUSE_SECONDS)
    now = mode or chosen.posts
    sentence = " ".join([f"account {chosen.id} takes in public posts: {now}.", *remarks])
    say(sentence, as_json, account_id=chosen.id, posts=now, remarks=remarks)
