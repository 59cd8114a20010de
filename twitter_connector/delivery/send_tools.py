"""The tools that every step of a plan needs, whichever message it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from twitter_connector.model.account import Account

from .limits import Endpoints
from .media import MediaTransfer
from .ports import FailoverPort, SendLedgerPort, SendRecordPort
from .sent_lookup import SentLookups


@dataclass(frozen=True)
class SendTools:
    """sent_lookups: the lists of Direct Messages; post_lookups: those of posts."""

    ledger: SendLedgerPort
    media_transfer: MediaTransfer
    record_of: Callable[..., SendRecordPort]
    clock: Callable[[], datetime]
    service_ahead: Callable[[], timedelta]
    sent_lookups: SentLookups[Any]
    post_lookups: SentLookups[Any]
    endpoints: Endpoints
    echoes_arrive: Callable[[Account], bool]
    failovers: Callable[[datetime], FailoverPort | None]
