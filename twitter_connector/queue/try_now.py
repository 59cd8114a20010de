"""Ends the wait of one conversation because a person asks for it."""

from __future__ import annotations

from enum import Enum

from twitter_connector.model.work import Direction

from .lanes import Lanes
from .send_ledger import SendLedger
from .waiting import WaitingConversations


class Outcome(Enum):
    """The result of an attempt to try a conversation now."""

    DUE = "It is tried now."
    GONE = "Nothing of this conversation waits any more."
    AT_WORK = "A worker has it at this moment."
    PAUSED = "Its account is paused. End the pause, and everything of the account is tried."
    UNCERTAIN = "X did not confirm its last message. It is looked for within a minute or two, and only then sent again."


def try_now(
    lanes: Lanes,
    ledger: SendLedger,
    waiting: WaitingConversations,
    account_id: str,
    direction: Direction,
    lane: str,
) -> Outcome:
    """End the wait of a conversation. A message whose send has an open outcome waits on: an earlier search could miss
    it, and it would be sent twice."""
    conversation = waiting.one(account_id, direction, lane)
    if conversation is None:
        return Outcome.GONE
    if direction in lanes.pauses(account_id):
        return Outcome.PAUSED
    if direction is Direction.OUT:
        steps = ledger.steps(account_id, conversation.entry_id)
        if any(step.started_ms and not step.dm_id for step in steps.values()):
            return Outcome.UNCERTAIN
    due = lanes.try_now(direction, account_id, lane, conversation.due_at)
    return Outcome.DUE if due else Outcome.AT_WORK
