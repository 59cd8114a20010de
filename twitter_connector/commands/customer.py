"""Erases what is kept of one person."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from twitter_connector.queue.personal_data import PersonalData

from .environment import fail, json_option, out
from .group import Group
from .session import plainly, services

# Where the person may still be named, and what to do about it.
NOT_REACHED = (
    "marks of message ids, which prevent a second delivery: they end after 7 days and have no name",
    "ids of messages and people that X has billed, which prevent a second count: they end after 25 hours",
    "the journal of a replica that is cut off from the broker: it is emptied when the broker is back",
    "the broker's append-only file and its backups, until they are rewritten",
    "the connector's log: your log system decides",
    "CCM, the file engine and X: erase there what they keep",
)


@click.group("customer", cls=Group)
def customer() -> None:
    """Erase what is kept of one person."""


@customer.command("forget")
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("who", metavar="CUSTOMER")
@json_option
@plainly
def forget(account_id: str, who: str, as_json: bool) -> None:
    """Erase what is kept of a customer of an account: message log, names, dead letters, send records.

    CUSTOMER: X's id, or the @name if X has given it. Messages that wait are not erased: they are delivered first.
    """
    svc = services()
    customers = svc.message_log.customers(who)
    if len(customers) != 1:
        fail(f"no customer is known by the name {who}. Use the customer's numeric id.")
    (customer_id,) = customers
    erased = PersonalData(svc.redis).erase(account_id, customer_id)
    if as_json:
        counts = asdict(erased)
        facts = {"account_id": account_id, "customer_id": customer_id, "waiting": counts.pop("waiting")}
        out(json.dumps({**facts, "erased": counts, "not_reached": NOT_REACHED}))
        return
    if erased.nothing:
        out(f"Nothing is kept of customer {customer_id} of account {account_id}.")
    else:
        out(
            f"Erased of customer {customer_id} of account {account_id}: {erased.messages} messages of the log, "
            f"{erased.dead_letters} dead letters, {erased.names} names, {erased.keys} other records."
        )
    if erased.waiting:
        out(
            f"{erased.waiting} messages or reports wait and stay, because they are delivered first. "
            "Run the command again afterwards."
        )
    out("Not reached:")
    for place in NOT_REACHED:
        out(f"- {place}")
