"""What accounts use of X per UTC day, and the price of it."""

from __future__ import annotations

import click

from .environment import json_option
from .session import account, plainly, services, show

# The counts are kept for some days longer; see store/usage.py.
DAYS_MAX = 31


@click.command("usage")
@click.argument("account_id", required=False)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=1, help="How many days to show, today first.")
@json_option
@plainly
def usage(account_id: str | None, days: int, as_json: bool) -> None:
    """Show what each account has used of X today, UTC: events received, messages read and sent, and their price."""
    svc = services()
    accounts = svc.accounts.all() if account_id is None else [account(svc, account_id)]
    rows = [
        {"account_id": shown.id, **svc.spending.shown(shown, day)}
        for shown in accounts
        for day in svc.usage.days(shown.id, days)
    ]
    show(rows, as_json)
