"""Commands of the message log: list messages, and show the journey of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import click

from twitter_connector.bootstrap import Services
from twitter_connector.model.account_history import AccountEvent, concerning
from twitter_connector.model.message_log import STATES, WAITING, LoggedMessage
from twitter_connector.model.period import begin_of, end_of
from twitter_connector.model.timestamps import iso, moment
from twitter_connector.model.work import Direction
from twitter_connector.queue.message_log import LogFilter

from .environment import fail, json_option, out
from .session import plainly, services, show

_PAGE = 500


@click.command("messages")
@click.option("--customer", help="Only those of this customer: X's id, or the @name if X has given it.")
@click.option("--account", "account_id", help="Only those of this account.")
@click.option("--since", help="Only those written since this time (UTC): 2026-11-28T14:05, 14:05 (today) or 2h (ago).")
@click.option("--until", help="Only those written until this time, in the same forms.")
@click.option("--state", type=click.Choice(STATES))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@json_option
@plainly
def messages(
    customer: str | None,
    account_id: str | None,
    since: str | None,
    until: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List messages of both directions with their state, the newest first. Never their text."""
    svc = services()
    customers = None if customer is None else svc.message_log.customers(customer)
    if customers == []:
        fail(f"no customer of the last days is known by the name {customer}. Use the customer's numeric id.")
    log_filter = LogFilter(
        account_id=account_id,
        customer_ids=None if customers is None else frozenset(customers),
        since=_moment(svc, since, begin_of),
        until=_moment(svc, until, end_of),
        state=state,
    )
    messages, more = _listed(svc, log_filter, limit)
    if as_json:
        items = [message.shown() for message in messages]
        history = [{"account_id": account, **event.shown()} for account, event in _history(svc, log_filter)]
        out(json.dumps({"items": items, "next": more, "history": history}))
        return
    show([_row(message) for message in messages], as_json)
    if not messages:
        _explain(svc, log_filter)
    elif more:
        out(f"There are more. Show them with --limit {2 * limit}, or with a shorter time.")


@click.command("trace")
@click.argument("any_id", metavar="ID")
@json_option
@plainly
def trace(any_id: str, as_json: bool) -> None:
    """Show the journey of one message, by X's id, CIM's id, or the id of its dead letter."""
    svc = services()
    message = svc.message_log.find(any_id)
    if message is None:
        days = svc.settings.message_log_days
        fail(
            f"the message log has no message {any_id}. It keeps {days} days (MESSAGE_LOG_DAYS). "
            "`twitter-connector messages --customer ID --since TIME` lists what came from a customer."
        )
    if as_json:
        out(json.dumps(message.with_journey()))
        return
    show(message.shown(), as_json)
    out()
    for step in message.journey:
        shown = step.shown()
        out(f"{shown['at']}  {shown['event']:14} {shown['detail']}".rstrip())
    pause = _pause(svc, message) if message.state == WAITING else None
    if pause:
        out(f"It waits because the account is paused until {iso(moment(int(pause['until'])))}: {pause['reason']}.")


def _pause(svc: Services, message: LoggedMessage) -> Mapping[str, str] | None:
    """Return why the account of a message is paused in its direction, or None."""
    direction = next(direction for direction in Direction if direction.word == message.direction)
    return svc.lanes.pauses(message.account_id).get(direction)


def _listed(svc: Services, log_filter: LogFilter, limit: int) -> tuple[list[LoggedMessage], str | None]:
    """Return up to `limit` messages, and the mark of the next page if there are more."""
    messages: list[LoggedMessage] = []
    after: str | None = None
    while True:
        page, after = svc.message_log.page(log_filter, min(_PAGE, limit - len(messages)), after)
        messages += page
        if after is None or len(messages) >= limit:
            return messages, after


def _history(svc: Services, log_filter: LogFilter) -> Iterator[tuple[str, AccountEvent]]:
    """Yield account id and event for what is known of the accounts in that time."""
    for account_id in [log_filter.account_id] if log_filter.account_id else [known.id for known in svc.accounts.all()]:
        for event in concerning(svc.history.all(account_id), log_filter.since, log_filter.until):
            yield account_id, event


def _explain(svc: Services, log_filter: LogFilter) -> None:
    """Print what else is known of the time in which no message came."""
    if not svc.settings.message_log_days:
        fail("MESSAGE_LOG_DAYS is 0, so no messages are kept.")
    out("No message in the log. The accounts in that time:")
    for account_id, event in _history(svc, log_filter):
        shown = event.shown()
        out(f"{shown['at']}  {account_id:20} {event.event:20} {event.detail}".rstrip())
    status = {account.id: svc.accounts.account_status(account.id) for account in svc.accounts.all()}
    for account_id in [log_filter.account_id] if log_filter.account_id else status:
        last = status.get(account_id, {}).get("last_event_at")
        gap = status.get(account_id, {}).get("gap_since")
        out(f"{account_id}: last event {iso(moment(last)) if last else 'never'}.")
        if gap:
            out(f"{account_id}: messages from {iso(moment(gap))} on may be missing; they will be read back.")


def _moment(svc: Services, text: str | None, read: Callable[[str, datetime], datetime]) -> datetime | None:
    try:
        return None if text is None else read(text, svc.clock())
    except ValueError as error:
        fail(str(error))


def _row(message: LoggedMessage) -> dict[str, object]:
    shown = message.shown()
    return {
        "written_at": str(shown["happened_at"])[:19],
        "direction": message.direction,
        "kind": message.kind or "-",
        "state": message.state,
        "customer": message.customer_id or "-",
        "tries": message.tries,
        "id": (message.x_ids if message.direction == "inbound" else message.cim_ids or ("-",))[0]
        if message.x_ids or message.cim_ids
        else "-",
        "reason": message.reason or "-",
    }
