"""Reads the message log: its items, newest first, or the one message with an id. The scripts of the lanes write it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from urllib.parse import quote, unquote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.message_log import DEAD_LETTERED, FAILED, LoggedMessage
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction

from .hourly import counts_by_hour
from .log_lines import EVENT_PREFIXES, is_screen_name, named
from .log_record import message_of
from .newest_first import Place, newest_first

_BATCH = 5000
_READ_AT_ONCE = 1000
# One page reads at most so many records. A rare state has more pages, some of them short.
_EXAMINED_MAX = 20_000


@dataclass(frozen=True)
class LogFilter:
    """What to show. None: everything. since, until: when the message was written, both included."""

    account_id: str | None = None
    customer_ids: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: str | None = None

    def fits(self, message: LoggedMessage) -> bool:
        """Return whether a message is one of those to show."""
        return (
            self.account_id in (None, message.account_id)
            and (self.customer_ids is None or message.customer_id in self.customer_ids)
            and (self.since is None or self.since <= message.happened_at)
            and (self.until is None or message.happened_at <= self.until)
            and self.state in (None, message.state)
        )


class MessageLog:
    """The message log in the broker. Every method raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def page(
        self, log_filter: LogFilter, limit: int, after: str | None = None
    ) -> tuple[list[LoggedMessage], str | None]:
        """Return at most `limit` messages, the newest first, and what to give as `after` for the next page.

        A page may be short or empty and still have a next one. Raises ValueError for an `after` that is none.
        """
        places = self._places(log_filter, _place(after) if after else None)
        messages: list[LoggedMessage] = []
        examined = 0
        at_once = limit + 1 if log_filter.state is None else _READ_AT_ONCE
        while chunk := list(islice(places, at_once)):
            for place, message in zip(chunk, self._read([name_of(member) for _, member in chunk]), strict=True):
                if message is None or log_filter.state not in (None, message.state):
                    last = place
                    continue
                if len(messages) == limit:
                    return messages, _mark(last)
                messages.append(message)
                last = place
            examined += len(chunk)
            if examined >= _EXAMINED_MAX:
                return messages, _mark(last)
        return messages, None

    def members(self, log_filter: LogFilter) -> Iterator[str]:
        """Yield "record customer" for each message of the account, customer and period that are asked for."""
        return (member for _, member in self._places(log_filter, None))

    def find(self, any_id: str) -> LoggedMessage | None:
        """Return the message with this id of X, CIM or a dead letter; None if the log has none."""
        with store_errors():
            accounts: list[str] = self._client.zrevrange(keys.LOG_ACCOUNTS, 0, -1)  # type: ignore[assignment]
            pipe = self._client.pipeline(transaction=False)
            pipe.get(keys.LOG_LOOKUP.format(id=any_id))
            for account in accounts:
                pipe.get(keys.LINK.format(account=account, id=quote(any_id, safe="")))
            looked_up, *events = pipe.execute()
        names = [looked_up] if looked_up else []
        for account, event_id in zip(accounts, events, strict=True):
            known = [event for event in (any_id, event_id) if event]
            names += [f"{Direction.IN}:{account}:{prefix}{i}" for i in known for prefix in EVENT_PREFIXES]
            names.append(f"{Direction.OUT}:{account}:{any_id}")
        return next((message for message in self._read(names) if message is not None), None)

    def customers(self, id_or_name: str) -> list[str]:
        """Return the ids of the customers that a person names: by X's id, or by a screen name that begins with "@"."""
        return self.customers_named(id_or_name) if id_or_name.startswith("@") else [id_or_name]

    def by_hour(self, hours: int, now: datetime) -> list[int]:
        """Return how many messages were written in each of the last hours, the oldest first."""
        return counts_by_hour(self._client, keys.LOG, hours, now)

    def of_entries(self, entries: Sequence[tuple[Direction, str, str]]) -> list[LoggedMessage | None]:
        """Return the message of each (direction, account id, entry id); None where the log has none."""
        return self._read([f"{direction}:{quote(account, safe='')}:{entry}" for direction, account, entry in entries])

    def customers_named(self, screen_name: str) -> list[str]:
        """Return the ids of the customers to whom X gave this screen name, with or without "@", the latest first."""
        name = screen_name.removeprefix("@")
        if not is_screen_name(name):
            return []
        with store_errors():
            rows = list(self._client.zscan_iter(keys.LOG_NAMES, match=named(name, "") + "*", count=_BATCH))
        return [unquote(member.partition(" ")[2]) for member, _ in sorted(rows, key=lambda row: -row[1])]

    def _read(self, names: Sequence[str]) -> list[LoggedMessage | None]:
        if not names:
            return []
        prefix = keys.stem(keys.LOG_RECORD)
        with store_errors():
            texts: list[str | None] = self._client.mget([prefix + name for name in names])  # type: ignore[assignment]
            messages = [message_of(name, text) if text else None for name, text in zip(names, texts, strict=True)]
            letters = [message.dead_letter_id for message in messages if message and message.dead_letter_id]
            letter_rows = self._client.hmget(keys.DEAD_LETTER, letters) if letters else []
        gone = {letter for letter, row in zip(letters, letter_rows, strict=True) if row is None}
        return [message and _without_letter(message, gone) for message in messages]

    def _places(self, log_filter: LogFilter, after: Place | None) -> Iterator[Place]:
        """Yield (moment, member) of the index, newest first, of the account and customer that are asked for."""
        least = "-inf" if log_filter.since is None else str(epoch_ms(log_filter.since))
        most = "+inf" if log_filter.until is None else str(epoch_ms(log_filter.until))
        if after is not None and (log_filter.until is None or after[0] < int(most)):
            most = str(after[0])
        fits = _selection(log_filter)
        for places in newest_first(self._client, keys.LOG, _BATCH, least=least, most=most):
            yield from (place for place in places if (after is None or place < after) and fits(place[1]))


def name_of(member: str) -> str:
    """Return the name of the record that a member of the index stands for."""
    return member.rpartition(" ")[0]


def _selection(log_filter: LogFilter) -> Callable[[str], bool]:
    """Return whether a member of the index is of the account and customers that are asked for."""
    customers = None if log_filter.customer_ids is None else {quote(one, safe="") for one in log_filter.customer_ids}
    account = None if log_filter.account_id is None else quote(log_filter.account_id, safe="")

    def fits(member: str) -> bool:
        if customers is not None and member.rpartition(" ")[2] not in customers:
            return False
        return account is None or member.split(":", 2)[1] == account

    return fits


def _without_letter(message: LoggedMessage, gone: Iterable[str]) -> LoggedMessage:
    """Return the message as FAILED if its dead letter was discarded."""
    if message.state == DEAD_LETTERED and message.dead_letter_id in gone:
        return replace(message, state=FAILED, dead_letter_id="")
    return message


def _mark(place: Place) -> str:
    return urlsafe_b64encode(f"{place[0]} {place[1]}".encode()).decode().rstrip("=")


def _place(mark: str) -> Place:
    text = urlsafe_b64decode(mark.encode() + b"=" * (-len(mark) % 4)).decode()
    at, _, member = text.partition(" ")
    return int(at), member
