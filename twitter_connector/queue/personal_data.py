"""Erases what the broker keeps of one customer of an account, except messages that wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.changes import replicated
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.usage import USER_READ
from twitter_connector.model.work import COMMENTS, Direction

from .dead_letters import DeadLetters
from .log_record import Record, letters_of, message_of
from .message_log import LogFilter, MessageLog, name_of

_BATCH = 500
_SCANNED = 5000
_NAMED_AFTER_CUSTOMERS = (
    keys.SCHEDULING,
    keys.READ_UP_TO,
    keys.ECHOES,
    keys.NAME,
    keys.QUESTION,
    keys.CHAT_NOTICED,
    keys.ROAD,
)


@dataclass(frozen=True)
class Erased:
    """How much was erased, and how many messages wait in the lanes and stay.

    messages: items of the message log. keys: send records, links, questions and names.
    """

    messages: int
    dead_letters: int
    names: int
    keys: int
    waiting: int

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to erase."""
        return not (self.messages or self.dead_letters or self.names or self.keys)


class PersonalData:
    """Raises StoreUnavailable if the broker does not answer. Then nothing is erased; call it again."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._log = MessageLog(client)
        self._letters = DeadLetters(client)

    def erase(self, account_id: str, customer_id: str) -> Erased:
        """Erase what is kept of a customer. Messages that wait are delivered first and stay; so do marks of ids, which
        prevent that a message is delivered twice."""
        letters = self._letters.newest(account_id=account_id)
        of_customer = [letter.id for letter in letters if letter.customer_id == customer_id]
        members = list(self._log.members(LogFilter(account_id, {customer_id})))
        erased = set(self._of_customer(account_id, customer_id))
        waiting = self._waiting(account_id, customer_id)
        if not waiting:
            # A reply that waits may answer the customer's last comment.
            account, customer = quote(account_id, safe=""), quote(customer_id, safe="")
            erased.add(keys.LAST_COMMENT.format(account=account, customer=customer))
        for batch in _batches(members):
            erased |= self._of_messages(account_id, batch)
        with store_errors():
            pattern = "* " + _glob(quote(customer_id, safe=""))
            names = [member for member, _ in self._client.zscan_iter(keys.LOG_NAMES, match=pattern, count=_SCANNED)]
            with replicated(self._client) as pipe:
                for batch in _batches(sorted(erased)):
                    pipe.delete(*batch)
                deletions = len(pipe)
                for batch in _batches(of_customer):
                    pipe.zrem(keys.DEAD, *batch)
                    pipe.hdel(keys.DEAD_LETTER, *batch)
                letters_end = len(pipe)
                for batch in _batches(members):
                    pipe.zrem(keys.LOG, *batch)
                pipe.hdel(keys.CHAT_CONVERSATIONS.format(account=quote(account_id, safe="")), customer_id)
                if names:
                    pipe.zrem(keys.LOG_NAMES, *names)
                counts: list[int] = pipe.execute()
        records, letters_gone = len(members), sum(counts[deletions + 1 : letters_end : 2])
        return Erased(records, letters_gone, len(names), max(0, sum(counts[:deletions]) - records), waiting)

    def _of_customer(self, account_id: str, customer_id: str) -> Iterator[str]:
        """Yield the keys that have the customer's id in their names, and the send records of messages to it."""
        account, customer = quote(account_id, safe=""), quote(customer_id, safe="")
        for name in _NAMED_AFTER_CUSTOMERS:
            yield name.format(account=account, customer=customer)
        for direction in Direction:
            yield keys.TYPING_INDICATOR.format(direction=direction, account=account, customer=customer)
        # Marks whose ids have the customer's in them. Without them a read mark counts again, which does no harm.
        yield keys.SEEN.format(direction=USER_READ, account=account, id=customer)
        reads = keys.SEEN.format(direction=Direction.IN, account=account, id=f"read:{customer_id}:")
        with store_errors():
            yield from self._client.scan_iter(match=_glob(reads) + "*", count=_SCANNED)
            for sent_to in (customer, customer + COMMENTS):
                sent = keys.SENT.format(account=account, customer=sent_to)
                rows: list[str] = self._client.zrange(sent, 0, -1)  # type: ignore[assignment]
                yield sent
                yield keys.UNFINISHED.format(account=account, customer=sent_to)
                for row in rows:
                    yield from _of_message(account, row.partition("|")[2])

    def _of_messages(self, account_id: str, members: list[str]) -> set[str]:
        """Return the keys of messages in the log: their records, look-ups, links, questions and send records."""
        account = quote(account_id, safe="")
        records = [keys.stem(keys.LOG_RECORD) + name_of(member) for member in members]
        with store_errors():
            texts: list[str | None] = self._client.mget(records)  # type: ignore[assignment]
        personal_keys = set(records)
        for member, text in zip(members, texts, strict=True):
            name = name_of(member)
            personal_keys.update(_of_message(account, Record.named(name).entry_id))
            if text:
                message = message_of(name, text)
                for any_id in (*message.x_ids, *message.cim_ids, *letters_of(text)):
                    personal_keys |= {keys.LOG_LOOKUP.format(id=any_id), *_of_message(account, any_id)}
        return personal_keys

    def _waiting(self, account_id: str, customer_id: str) -> int:
        """Return how many messages of the customer and to it wait in lanes, reports included."""
        account, customer = quote(account_id, safe=""), quote(customer_id, safe="")
        with store_errors():
            pipe = self._client.pipeline(transaction=False)
            for direction in Direction:
                due = keys.DUE.format(direction=direction, account=account)
                for lane, _ in self._client.zscan_iter(due, match=_glob(customer) + "*", count=_SCANNED):
                    if lane.partition("~")[0] == customer:
                        pipe.zcard(keys.QUEUE.format(direction=direction, account=account, lane=lane))
            return sum(pipe.execute())


def _batches(rows: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]


def _of_message(account: str, any_id: str) -> tuple[str, ...]:
    quoted = quote(any_id, safe="")
    named = (name.format(account=account, id=quoted) for name in (keys.LINK, keys.LEDGER, keys.ASKED))
    return (*named, keys.THREAD.format(account=account, post=quoted))


def _glob(text: str) -> str:
    """Return a text as a pattern that fits only that."""
    return "".join(f"\\{character}" if character in "*?[]\\^" else character for character in text)
