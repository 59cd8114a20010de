"""Dead letters: list, show, replay, discard."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from twitter_connector.bootstrap import Services
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.replay import replay

from .environment import fail, json_option, say
from .group import Group
from .session import plainly, services, show

_LIST = "`twitter-connector dead-letters list` shows those that exist."
_directions = {"inbound": Direction.IN, "outbound": Direction.OUT}


@click.group("dead-letters", cls=Group)
def dead_letters() -> None:
    """List, show, replay or discard messages that were given up."""


def _filter_options(command: Any) -> Any:
    for option in (
        click.option("--direction", type=click.Choice(list(_directions))),
        click.option("--account", "account_id", help="Only those of this account."),
        click.option("--customer", "customer_id", help="Only those of this customer."),
        click.option("--reason", help="Only those with this reason."),
    ):
        command = option(command)
    return command


@dead_letters.command("list")
@_filter_options
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
@plainly
def list_them(
    direction: str | None,
    account_id: str | None,
    customer_id: str | None,
    reason: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List dead letters, the newest first."""
    letters = _matching(services(), direction, account_id, customer_id, reason)
    columns = ("id", "failed_at", "direction", "account_id", "customer_id", "reason")
    show([letter.shown() for letter in islice(letters, limit)], as_json, columns)


def _matching(
    svc: Services, direction: str | None, account_id: str | None, customer_id: str | None, reason: str | None
) -> Iterator[DeadLetter]:
    """Return the dead letters that match every given filter, the newest first."""
    return svc.dead_letters.newest(_directions.get(direction or ""), account_id, reason, customer_id)


@dead_letters.command("show")
@click.argument("letter_id")
@json_option
@plainly
def show_one(letter_id: str, as_json: bool) -> None:
    """Show one dead letter, without its text. CCM or X has the text under the message id."""
    letter = services().dead_letters.get(letter_id)
    if letter is None:
        fail(f"there is no dead letter {letter_id}. It may have been replayed or discarded. {_LIST}")
    show(letter.shown(), as_json)


@dead_letters.command("replay")
@click.argument("letter_ids", nargs=-1)
@_filter_options
@click.option("--all", "everything", is_flag=True, help="All that match the filter; without a filter, all.")
@json_option
@plainly
def replay_them(
    letter_ids: tuple[str, ...],
    direction: str | None,
    account_id: str | None,
    customer_id: str | None,
    reason: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Send dead letters again: those named, or all that match a filter, oldest first."""
    svc = services()
    if letter_ids:
        named = [svc.dead_letters.get(letter_id) for letter_id in letter_ids]
        letters = [letter for letter in named if letter is not None]
        if len(letters) < len(named):
            fail(f"not all of these dead letters exist. Nothing was replayed. {_LIST}")
    elif direction or account_id or customer_id or reason or everything:
        matching = _matching(svc, direction, account_id, customer_id, reason)
        letters = sorted(matching, key=lambda letter: (letter.accepted_at, letter.entry_id))
    else:
        fail("name dead letters, or select them with --direction, --account, --customer, --reason or --all.")
    replayed = replay(letters, svc.lanes)
    say(f"{replayed} replayed.", as_json, replayed=replayed)


@dead_letters.command("discard")
@click.argument("letter_ids", nargs=-1, required=True)
@json_option
@plainly
def discard(letter_ids: tuple[str, ...], as_json: bool) -> None:
    """Delete dead letters for good."""
    svc = services()
    gone = sum(svc.dead_letters.discard(letter_id) for letter_id in letter_ids)
    say(f"{gone} discarded.", as_json, discarded=gone)
    if gone < len(letter_ids):
        fail(f"{len(letter_ids) - gone} did not exist. {_LIST}")
