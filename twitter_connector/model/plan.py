"""What we mean to do at Twitter for one CIM message: decided first, done afterwards, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SendDm:
    """One Direct Message. `extras` are further fields of Twitter's `message_data` (quick replies, buttons)."""

    text: str = field(repr=False)
    extras: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Plan:
    """An ordered series of Direct Messages; each is done once, whatever breaks in between."""

    steps: tuple[SendDm, ...]


@dataclass(frozen=True)
class Skip:
    """Nothing is to be done, on purpose. reason: snake_case, for the metric."""

    reason: str
