"""Signs of typing: passed on once, at once, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from twitter_connector.cim.envelope import load_message
from twitter_connector.errors import ConnectorError, StoreUnavailable

from .inbound import InboundRoute
from .intake import work_in
from .outbound import OutboundRoute
from .ports import LanesPort

log = logging.getLogger(__name__)


@dataclass
class TypingDelivery:
    """Passes on what flashed. count: told passed or the reason why not, for the metric."""

    lanes: LanesPort
    inbound: InboundRoute
    outbound: OutboundRoute
    count: Callable[[str], None]

    def pass_on(self) -> None:
        for payload in self.lanes.typing_indicators():
            try:
                work = work_in(payload)
                if "activity" in work:
                    self.inbound.deliver_typing(self.inbound.read_event(work["activity"]))
                else:
                    self.outbound.deliver_typing(load_message(work["message"]))
            except StoreUnavailable:
                raise
            except ConnectorError as error:
                # Nobody waits for it, and a later one comes within seconds.
                log.info("typing_not_delivered", extra={"reason": error.reason})
                self.count(error.reason)
            except Exception as error:
                # The others of this batch are out of the store already; they must not go with it.
                log.error("internal_error", exc_info=error)
                self.count("internal_error")
            else:
                self.count("passed_on")
