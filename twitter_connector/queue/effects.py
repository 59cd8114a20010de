"""Encodes entries, and changes of other keys, as arguments of the lanes' scripts.

A change is one of a few operations on one key, with a lifetime. The scripts know no other form. Add here whatever must
be stored in the same atomic step as accepting, settling or postponing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from twitter_connector.broker import keys
from twitter_connector.model.chat import ChatCounted, ChatNoticed, RoadTaken
from twitter_connector.model.message_log import LogLine, NameSeen, NotLogged
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import (
    CustomerNamed,
    DeadLetter,
    EchoSeen,
    Effect,
    Entry,
    InThread,
    LastComment,
    Link,
    QuestionClosed,
    QuoteForgotten,
    ReadUpTo,
    StepSent,
    TypingIndicator,
    Used,
)

from .change import Change, applied
from .chat_change import chat_change
from .log_arguments import arrival_arguments, log_arguments
from .post_change import post_change
from .send_ledger import read_change, sent_changes
from .timings import QueueTimings

_SEEN_MS = keys.SEEN_SECONDS * 1000
_USAGE_MS = keys.USAGE_SECONDS * 1000


def arguments(items: Sequence[Effect], timings: QueueTimings) -> list[str | int]:
    """Return the items as lua/take.lua reads them. Ids are quoted, so that a colon in one cannot change a key."""
    flat: list[str | int] = []
    for item in items:
        account = quote(item.account_id, safe="")
        match item:
            case Entry():
                lane = quote(item.lane, safe="~")
                flat += ["entry", item.direction, account, lane, item.id, item.order, item.payload, int(item.again)]
                flat += (item.billed, _USAGE_MS) if item.billed else ("", 0)
                flat += arrival_arguments(item, timings)
            case LogLine() | NameSeen() | NotLogged():
                flat += log_arguments(item, account, timings)
            case EchoSeen():
                mark = keys.SEEN.format(direction="echo", account=account, id=item.event_id)
                last = keys.LAST_ECHO.format(account=account)
                newest = Change("set", last, value=item.event_id, lifetime_ms=keys.ECHO_SECONDS * 1000)
                flat += applied(_echo(item), newest, mark=mark, lasts_ms=_SEEN_MS)
            case TypingIndicator():
                customer = quote(item.customer_id, safe="")
                mark = keys.TYPING_INDICATOR.format(direction=item.direction, account=account, customer=customer)
                flat += applied(
                    Change(
                        "lpush_at",
                        keys.TYPING_INDICATORS,
                        value=item.payload,
                        lifetime_ms=timings.typing,
                        most=keys.TYPING_MAX,
                    ),
                    mark=mark,
                    lasts_ms=timings.typing,
                )
            case Link() | QuestionClosed() | QuoteForgotten():
                flat += applied(_of_a_message(item, account))
            case StepSent():
                flat += applied(*sent_changes(item))
            case ReadUpTo():
                flat += applied(read_change(item))
            case CustomerNamed():
                customer = quote(item.customer.id, safe="")
                names = json.dumps([item.customer.name, item.customer.screen_name])
                key = keys.NAME.format(account=account, customer=customer)
                flat += applied(Change("set", key, value=names, lifetime_ms=keys.NAME_SECONDS * 1000))
            case Used():
                seen = keys.SEEN.format(direction=item.kind, account=account, id=quote(item.id, safe=""))
                stem = keys.USAGE.format(account=account, day="").removesuffix(":")
                flat += applied(Change("count", stem, item.kind, lifetime_ms=_USAGE_MS), mark=seen, lasts_ms=_SEEN_MS)
            case ChatNoticed() | ChatCounted() | RoadTaken() | InThread() | LastComment():
                change = post_change(item) if isinstance(item, InThread | LastComment) else chat_change(item)
                flat += applied(change)
            case DeadLetter():
                flat += applied(
                    Change("hset", keys.DEAD_LETTER, item.id, dead_letter_json(item)),
                    Change("zadd", keys.DEAD, item.id, epoch_ms(item.failed_at)),
                )
    return flat


def _of_a_message(item: Link | QuestionClosed | QuoteForgotten, account: str) -> Change:
    if isinstance(item, QuestionClosed):
        key = keys.QUESTION.format(account=account, customer=quote(item.customer_id, safe=""))
        return Change("del", key, value=item.question or "")
    message_id = quote(item.message_id, safe="")
    if isinstance(item, QuoteForgotten):
        return Change("hdel", keys.LEDGER.format(account=account, id=message_id), keys.LEDGER_QUOTE)
    key = keys.LINK.format(account=account, id=message_id)
    return Change("set", key, value=item.event_id, lifetime_ms=keys.SENT_SECONDS * 1000)


def _echo(item: EchoSeen) -> Change:
    account, customer = quote(item.account_id, safe=""), quote(item.customer_id, safe="")
    return Change(
        "lpush",
        keys.ECHOES.format(account=account, customer=customer),
        value=json.dumps({"id": item.event_id, "created_ms": item.created_ms, "digest": item.digest}),
        lifetime_ms=keys.ECHO_SECONDS * 1000,
        most=keys.ECHOES_PER_CUSTOMER,
    )


def dead_letter_json(letter: DeadLetter) -> str:
    """Return a dead letter as stored; read back by dead_letters.py."""
    fields: dict[str, Any] = asdict(letter)
    fields["accepted_at"] = epoch_ms(letter.accepted_at)
    fields["failed_at"] = epoch_ms(letter.failed_at)
    return json.dumps(fields)
