"""What was given up on: list, show, replay, discard."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from twitter_connector.model.work import Direction
from twitter_connector.queue.replay import replay

from .session import fail, json_option, plainly, say, services, show

_directions = {"inbound": Direction.IN, "outbound": Direction.OUT}


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages that were given up, each with its reason."""


def _filter_options(command: Any) -> Any:
    for option in (
        click.option("--direction", type=click.Choice(list(_directions))),
        click.option("--account", "account_id"),
        click.option("--reason"),
    ):
        command = option(command)
    return command


@dead_letters.command("list")
@_filter_options
@click.option("--limit", default=50, show_default=True)
@json_option
@plainly
def list_them(direction: str | None, account_id: str | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List the newest first."""
    found = services().dead_letters.newest(_directions.get(direction or ""), account_id, reason)
    show([letter.shown() for letter in islice(found, limit)], as_json)


@dead_letters.command("show")
@click.argument("letter_id")
@json_option
@plainly
def show_one(letter_id: str, as_json: bool) -> None:
    """Show one. Its text is not shown; CCM or Twitter has it under the message id."""
    letter = services().dead_letters.get(letter_id)
    if letter is None:
        fail(f"there is no dead letter {letter_id} (any more).")
    show(letter.shown(), as_json)


@dead_letters.command("replay")
@click.argument("letter_ids", nargs=-1)
@_filter_options
@click.option("--all", "everything", is_flag=True, help="All that fit the filter, or all there are.")
@json_option
@plainly
def replay_them(
    letter_ids: tuple[str, ...],
    direction: str | None,
    account_id: str | None,
    reason: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Send again: those named, or with a filter (or --all) all that fit, oldest first."""
    svc = services()
    if letter_ids:
        named = [svc.dead_letters.get(letter_id) for letter_id in letter_ids]
        letters = [letter for letter in named if letter is not None]
        if len(letters) < len(named):
            fail("not all of these dead letters exist (any more); nothing was replayed.")
    elif direction or account_id or reason or everything:
        found = svc.dead_letters.newest(_directions.get(direction or ""), account_id, reason)
        letters = sorted(found, key=lambda x: (x.accepted_at, x.entry_id))
    else:
        fail("name dead letters, or say which with --direction, --account, --reason or --all.")
    replayed = replay(letters, svc.lanes)
    say(f"{replayed} replayed.", as_json, replayed=replayed)


@dead_letters.command("discard")
@click.argument("letter_ids", nargs=-1, required=True)
@json_option
@plainly
def discard(letter_ids: tuple[str, ...], as_json: bool) -> None:
    """Forget them for good."""
    svc = services()
    gone = sum(svc.dead_letters.discard(letter_id) for letter_id in letter_ids)
    say(f"{gone} discarded.", as_json, discarded=gone)
    if gone < len(letter_ids):
        fail(f"{len(letter_ids) - gone} did not exist (any more).")
