"""Typing indicators: passed on at once or not at all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.model.event import CustomerTyping
from twitter_connector.model.work import AgentMessage, Direction, TwitterEvent, Work

from .consumer import SpansPort
from .inbound import InboundRoute
from .intake import ReadEvent, decode
from .outbound import OutboundRoute
from .ports import LanesPort

log = logging.getLogger(__name__)


@dataclass
class TypingDelivery:
    """Passes on who is typing. count: called with "passed_on", or with the reason why not, for the metric."""

    lanes: LanesPort
    inbound: InboundRoute
    outbound: OutboundRoute
    read_event: ReadEvent
    count: Callable[[str], None]
    spans: SpansPort | None = None
    _at_work: threading.Lock = field(default_factory=threading.Lock)

    def pass_on(self) -> None:
        """Pass on the typing indicators of the last seconds. Raises StoreUnavailable.

        One thread does this at a time: while X or CCM is slow, messages need the others.
        """
        if not self._at_work.acquire(blocking=False):
            return
        try:
            while payloads := self.lanes.typing_indicators():
                self._pass_on(payloads)
        finally:
            self._at_work.release()

    def _pass_on(self, payloads: list[str]) -> None:
        for payload in payloads:
            try:
                # 0.1.0 did not say of a message whose it is; only agents' typing comes as one.
                work = decode(payload, Direction.OUT, self.read_event)
                with nullcontext() if self.spans is None else self.spans.typing(payload):
                    self._deliver(work)
            except StoreUnavailable:
                raise
            except ConnectorError as error:
                # Typing indicators are not retried: the next one comes within seconds.
                log.info("typing_not_delivered", extra={"reason": error.reason, **_whose(work)})
                self.count(error.reason)
            except Exception as error:
                # The others of this batch are no longer in the store: go on with them.
                log.error("internal_error", exc_info=error)
                self.count("internal_error")
            else:
                self.count("passed_on")

    def _deliver(self, work: Work) -> None:
        if isinstance(work, TwitterEvent):
            self.inbound.deliver_typing(work.activity)
        elif isinstance(work, AgentMessage):
            self.outbound.deliver_typing(work.message)


def _whose(work: Work) -> dict[str, str]:
    """Return the account and the customer of a typing indicator."""
    if isinstance(work, TwitterEvent) and isinstance(work.activity, CustomerTyping):
        return {"account": work.activity.account_id, "customer": work.activity.customer_id}
    if isinstance(work, AgentMessage):
        header = work.message.header
        return {"account": header.account_id, "customer": header.customer_id}
    return {}
