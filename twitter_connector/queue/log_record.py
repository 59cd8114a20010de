"""Reads a record of the message log: what its lines say together of a message. queue/log_lines.py writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from twitter_connector.model.message_log import (
    DEAD_LETTERED,
    DELIVERED,
    FAILED,
    READ,
    RECEIVED,
    REPEATED,
    REPLAYED,
    TRIED,
    WAITING,
    JourneyStep,
    LoggedMessage,
)
from twitter_connector.model.timestamps import iso, moment
from twitter_connector.model.work import Direction

from .log_lines import EVENT_PREFIXES

# A script that ran twice, because its answer was lost, has written its line twice.
_TWICE_MS = 2000


@dataclass(frozen=True)
class Record:
    """The name of a record: direction, account, and id of the entry."""

    direction: Direction
    account_id: str
    entry_id: str

    @classmethod
    def named(cls, name: str) -> Record:
        direction, account, entry_id = name.split(":", 2)
        return cls(Direction(direction), unquote(account), entry_id)

    @property
    def own_id(self) -> str:
        """X's id of an inbound message, CIM's id of an outbound one."""
        of_x = self.direction is Direction.IN and self.entry_id.startswith(EVENT_PREFIXES)
        return self.entry_id.partition(":")[2] if of_x else self.entry_id


@dataclass(frozen=True)
class _Line:
    at: int
    event: str
    words: Sequence[tuple[str, str]]

    @classmethod
    def read(cls, text: str) -> _Line:
        at, event, *words = text.split(" ")
        return cls(int(at), event, [(name, value) for name, _, value in (word.partition("=") for word in words)])

    def word(self, name: str) -> str:
        return next((value for known, value in self.words if known == name), "")

    def all(self, name: str) -> Iterator[str]:
        return (value for known, value in self.words if known == name)


def message_of(name: str, text: str) -> LoggedMessage:
    """Return the message of a record, from its name and its text."""
    record, lines = Record.named(name), list(_once(map(_Line.read, text.split("\n"))))
    first = lines[0]
    inbound = record.direction is Direction.IN
    facts = _Facts()
    for line in lines:
        facts.follow(line)
    x_ids, cim_ids = facts.x_ids, facts.cim_ids
    if inbound and record.entry_id.startswith(EVENT_PREFIXES):
        x_ids = [record.own_id]
    elif not inbound:
        cim_ids = [record.own_id]
    happened = int(first.word("at") or 0)
    return LoggedMessage(
        direction=record.direction.word,
        account_id=record.account_id,
        customer_id=unquote(first.word("of")),
        kind=unquote(facts.kind),
        state=facts.state,
        x_ids=tuple(dict.fromkeys(x_ids)),
        cim_ids=tuple(dict.fromkeys(cim_ids)),
        dead_letter_id=facts.dead_letter_id,
        reason=facts.reason,
        tries=facts.tries,
        happened_at=moment(happened or first.at),
        received_at=moment(first.at),
        updated_at=moment(max(line.at for line in lines)),
        delivered_at=facts.moments.get(DELIVERED),
        read_at=facts.moments.get(READ),
        failed_at=facts.moments.get(FAILED),
        journey=[JourneyStep(moment(line.at), line.event, _detail(line)) for line in lines],
    )


def letters_of(text: str) -> list[str]:
    """Return the ids of all dead letters that a message has been, from the text of its record."""
    return [word for line in text.split("\n") for word in _Line.read(line).all("dead")]


def _once(lines: Iterable[_Line]) -> Iterator[_Line]:
    before: _Line | None = None
    for line in lines:
        same = before is not None and (line.event, line.words) == (before.event, before.words)
        if not (same and line.event != REPEATED and before is not None and line.at - before.at < _TWICE_MS):
            yield line
        before = line


class _Facts:
    """The facts that the lines of one record give together."""

    def __init__(self) -> None:
        self.state, self.kind, self.reason, self.dead_letter_id, self.tries = WAITING, "", "", "", 0
        self.x_ids: list[str] = []
        self.cim_ids: list[str] = []
        self.moments: dict[str, datetime] = {}

    def follow(self, line: _Line) -> None:
        self.kind = line.word("kind") or self.kind
        self.x_ids += line.all("x")
        self.cim_ids += line.all("cim")
        self.tries = int(line.word("n") or self.tries)
        _CHANGES.get(line.event, _Facts._nothing)(self, line)

    def _nothing(self, line: _Line) -> None: ...

    def _tried(self, line: _Line) -> None:
        self.reason = unquote(line.word("why"))

    def _delivered(self, line: _Line) -> None:
        self.state = READ if READ in self.moments else DELIVERED
        self.reason = ""
        self.moments[DELIVERED] = moment(line.at)

    def _read(self, line: _Line) -> None:
        self.state = READ
        self.moments.setdefault(READ, moment(line.at))

    def _dead_lettered(self, line: _Line) -> None:
        self.state, self.reason, self.dead_letter_id = DEAD_LETTERED, unquote(line.word("why")), line.word("dead")
        self.moments[FAILED] = moment(line.at)

    def _replayed(self, line: _Line) -> None:
        self.state, self.reason, self.dead_letter_id, self.tries = WAITING, "", "", 0
        self.moments.pop(FAILED, None)


_CHANGES = {
    TRIED: _Facts._tried,
    DELIVERED: _Facts._delivered,
    READ: _Facts._read,
    DEAD_LETTERED: _Facts._dead_lettered,
    REPLAYED: _Facts._replayed,
}


def _detail(line: _Line) -> str:
    """Return the words of a line as people read them."""
    words = [_SAID.get(name, name + " {}").format(unquote(value)) for name, value in line.words if name in _SAID]
    if line.event == RECEIVED and (written := int(line.word("at") or 0)):
        words.append(f"written {iso(moment(written))}")
    return ", ".join(words)


_SAID: Mapping[str, str] = {
    "by": "by {}",
    "n": "try {}",
    "why": "{}",
    "kind": "{}",
    "x": "X id {}",
    "cim": "CIM id {}",
    "dead": "dead letter {}",
}
