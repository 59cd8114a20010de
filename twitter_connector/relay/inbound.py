"""Deliver one activity, or one of our own reports, to CIM."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twitter_connector.errors import ConnectorError
from twitter_connector.model.plan import Skip
from twitter_connector.model.work import Entry, Held
from twitter_connector.relay.intake import work_in
from twitter_connector.relay.ports import CimPort
from twitter_connector.schemas.activity_v1 import load
from twitter_connector.schemas.cim import dump_message
from twitter_connector.translate.inbound import message_id, to_cim

log = logging.getLogger(__name__)


@dataclass
class InboundRoute:
    """The way from Twitter to CIM. skipped: told the reason where an activity becomes no message."""

    cim: CimPort
    skipped: Callable[[str], None]

    def deliver(self, held: Held) -> Sequence[Entry]:
        work = work_in(held.payload)
        if "message" in work:
            self.cim.post_message(work["message"])
            return ()
        messages = to_cim(load(work["activity"]))
        if isinstance(messages, Skip):
            self.skipped(messages.reason)
            log.info("skipped", extra={"reason": messages.reason})
            return ()
        for message in messages:
            self.cim.post_message(dump_message(message))
            log.info("posted_to_ccm", extra={"cim_id": message.id, "type": message.type, "tries": held.tries + 1})
        return ()

    def given_up(self, held: Held, error: ConnectorError) -> Sequence[Entry]:
        return ()

    def message_id(self, held: Held) -> str:
        work = work_in(held.payload)
        if "message" in work:
            return str(work["message"].get("id", ""))
        _, _, event_id = held.entry_id.partition(":")
        return message_id(held.account_id, event_id)
