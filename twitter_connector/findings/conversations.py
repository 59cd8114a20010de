"""Checks what waits, and what was given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import moment
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.store.status import AccountSnapshot, Snapshot

from .finding import Finding, age

# A conversation that waits longer is a finding. Limits of X and a restart cost less.
WAIT_SECONDS = 300.0
# Of so many conversations of an account, the one that has waited longest is found for certain.
_EXAMINED = 500
_LETTERS_EXAMINED = 5_000
# Nobody who runs the service can change these: docs/operations.md, "Reasons".
NOT_OURS = frozenset(
    {
        "empty_buttons", "empty_carousel", "empty_contact", "empty_link", "empty_list", "empty_text", "file_gone",
        "media_gone", "media_processing_failed", "media_processing_too_long", "media_refused", "media_too_large",
        "media_unreachable", "media_url_refused", "no_coordinates", "no_file_address", "no_file_link",
        "not_offered_by_x", "recipient_blocked", "recipient_closed", "recipient_not_following", "recipient_suspended",
        "recipient_unknown", "sender_not_verified", "template_without_text", "text_too_long", "unsupported_kind",
    }
)  # fmt: skip


def waiting(svc: Services, accounts: Sequence[Account], snapshot: Snapshot) -> Iterator[Finding]:
    """Yield how many conversations wait in each direction of each account, and for how long."""
    quiet = True
    for account in accounts:
        state = snapshot.accounts[account.id]
        for direction, count in state.waiting.items():
            if count:
                quiet = False
                yield _waiting(svc, account, direction, count, state, snapshot.now_ms)
    if quiet:
        yield Finding("waiting", True, "nothing waits")


def _waiting(
    svc: Services, account: Account, direction: Direction, count: int, state: AccountSnapshot, now_ms: int
) -> Finding:
    side = "CCM" if direction is Direction.IN else "X"
    detail = f"{count} {'conversation waits' if count == 1 else 'conversations wait'} for {side}"
    first = next(iter(svc.waiting.first(account.id, direction, _EXAMINED)), None)
    if first is None:
        return Finding(f"account {account.id}", True, detail)
    seconds = max((moment(now_ms) - first.accepted_at).total_seconds(), 0.0)
    detail += f", the longest for {age(seconds)}"
    if seconds < WAIT_SECONDS:
        return Finding(f"account {account.id}", True, detail)
    if pause := state.pauses.get(direction):
        advice = pause["detail"]
    elif direction in state.probes:
        advice = f"{side} cannot be reached. They go out by themselves once it answers."
    else:
        customer = first.lane.partition("~")[0]
        advice = (
            f"The message of customer {customer} was tried {first.tries} times. "
            f"`twitter-connector messages --customer {customer}` says why."
        )
    return Finding(f"account {account.id}", False, detail, advice)


def dead_letters(svc: Services, count: int) -> Iterator[Finding]:
    """Yield the dead letters by reason, and for each reason whose affair it is. count: of all dead letters."""
    if not count:
        yield Finding("dead letters", True, "0")
        return
    newest: dict[str, DeadLetter] = {}
    counts: Counter[str] = Counter()
    for letter in islice(svc.dead_letters.newest(), _LETTERS_EXAMINED):
        newest.setdefault(letter.reason, letter)
        counts[letter.reason] += 1
    more = f" (of the newest {_LETTERS_EXAMINED})" if count > _LETTERS_EXAMINED else ""
    for reason, number in counts.most_common():
        detail = f"{number}{more}: {reason}"
        if reason in NOT_OURS:
            yield Finding(
                "dead letters", True, f"{detail}. This is the customer's or the agent's affair: nothing to correct"
            )
        else:
            commands = f"`twitter-connector dead-letters list --reason {reason}` shows them, `replay` sends them again."
            yield Finding("dead letters", False, detail, f"{newest[reason].detail} {commands}".lstrip())
