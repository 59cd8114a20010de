"""One Direct Message: uploads its file and sends it once, with a send record before and after.

X has no idempotency key. If the answer to a send never comes, look for the message before sending it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from twitter_connector.errors import (
    ConnectorError,
    Endpoint,
    LeaseLost,
    OutcomeUnknown,
    OverCapacity,
    Permanent,
    RefusedOrDelivered,
    Retryable,
)
from twitter_connector.messages.text import fingerprint, sent_fingerprint
from twitter_connector.model.account import Account
from twitter_connector.model.flavour import Messages
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MediaRef, SendDm, Upload
from twitter_connector.model.timestamps import epoch_ms, first_id_at, moment
from twitter_connector.model.work import Lease

from .limits import Endpoints
from .media import MediaTransfer
from .ports import SendLedgerPort, SendRecordPort
from .sent_lookup import SentLookups

log = logging.getLogger(__name__)

# When to look for an uncertain send. X shows a message within a second or two; the second look is for a bad moment.
LOOKS_AFTER = (timedelta(seconds=3), timedelta(seconds=12))
# The wait before a look grows to about three minutes.
SENDS_DOUBLED = 6
# After "over capacity" it grows more slowly: the message has most likely not been delivered.
OVER_CAPACITY_GROWTH = 1.5
# An own message of this age has come back, if they do. Echoes are kept for an hour.
ECHO_LATE, ECHO_KEPT = timedelta(seconds=10), timedelta(minutes=55)
# X's clock and ours may differ. A message that is older than its send by more than this is another one.
CLOCK_MARGIN = timedelta(seconds=10)


@dataclass(frozen=True)
class SendTools:
    """What every step needs, whichever message it is of."""

    ledger: SendLedgerPort
    media_transfer: MediaTransfer
    record_of: Callable[..., SendRecordPort]
    clock: Callable[[], datetime]
    sent_lookups: SentLookups
    endpoints: Endpoints
    echoes_arrive: Callable[[Account], bool]


@dataclass
class SendStep:
    """One step of a plan."""

    tools: SendTools
    lease: Lease
    message: CimMessage
    number: int
    step: SendDm
    account: Account
    twitter: Messages

    def perform(self, begun: SendRecordPort | None) -> None:
        """Bring the step to its end. begun: the send record of an earlier try."""
        upload = begun.upload if begun is not None else Upload()
        if begun is not None and begun.started_ms:
            dm_id = self._look(begun)
            if dm_id is not None:
                self._done(dm_id, "dm_found")
                return
        media_id = ""
        if self.step.media is not None:
            upload, media_id = self._uploaded(self.step.media, upload)
        started = epoch_ms(self.tools.clock())
        sends = (begun.sends if begun is not None else 0) + 1
        # Written before the send: if no answer ever comes, the next try looks for the message.
        self._write(upload, started_ms=started, sends=sends)
        try:
            dm_id = self.twitter.send_dm(self.message.header.customer_id, replace(self.step, media_id=media_id))
        except OutcomeUnknown as error:
            if isinstance(error, RefusedOrDelivered):
                self._write(upload, started_ms=started, sends=sends, refusal=f"{error.reason}\n{error.detail}")
            busy = isinstance(error, OverCapacity)
            if busy:
                self._write(upload, started_ms=started, sends=sends, over_capacity=True)
            # Wait longer after each failed send: X is probably overloaded. X may also name a later moment.
            growth = OVER_CAPACITY_GROWTH if busy else 2
            look_at = self.tools.clock() + LOOKS_AFTER[0] * growth ** min(sends - 1, SENDS_DOUBLED)
            raise error.waiting(until=max(look_at, error.until or look_at)) from error
        except ConnectorError as error:
            # Every other error is certain that nothing was sent. The upload stays usable.
            if error.reason == "media_refused" and self.step.media is not None and self.lease.tries == 0:
                # An upload serves one message, for a day; a lost send may have used it up.
                self._write(Upload())
                raise Retryable("upload_lost", "X does not take the upload any more, so it starts again.") from error
            self._write(upload)
            raise
        self._done(dm_id, "dm_sent")

    def _uploaded(self, ref: MediaRef, upload: Upload) -> tuple[Upload, str]:
        latest = [upload]

        def keep(now: Upload) -> None:
            latest[0] = now
            self._write(now)

        media_id = self.tools.media_transfer.take_out(ref, self.account, upload, keep)
        return latest[0], media_id

    def _look(self, begun: SendRecordPort) -> str | None:
        """Look for a send whose answer never came. Return its id, or None if it was most likely not delivered.

        Raises OutcomeUnknown to look again later, and Permanent if X refused the message and it cannot be found.
        """
        lease, customer = self.lease, self.message.header.customer_id
        since = moment(begun.started_ms) - CLOCK_MARGIN
        taken = self.tools.ledger.own(lease.account_id, customer)
        digest = sent_fingerprint(self.step.text)
        echoed = [(e.event_id, e.digest, e.created_ms) for e in self.tools.ledger.echoes(lease.account_id, customer)]
        sent_id = _match(echoed, digest, epoch_ms(since), taken)
        if sent_id is None and begun.over_capacity and self._echoes_arrive(echoed, taken):
            # X delivers few of the messages that it answers so, and their echoes come within a second.
            return None
        if sent_id is None:
            sent_id = _match(self._looked_up_sends(since, begun), digest, epoch_ms(since), taken)
        if sent_id is not None:
            return sent_id
        looks = begun.looks + 1
        if looks < len(LOOKS_AFTER):
            self._write(
                begun.upload,
                started_ms=begun.started_ms,
                sends=begun.sends,
                looks=looks,
                refusal=begun.refusal,
                over_capacity=begun.over_capacity,
            )
            raise OutcomeUnknown(
                "outcome_unknown",
                "Twitter did not answer a send, and the message cannot be seen yet.",
                until=self.tools.clock() + LOOKS_AFTER[looks],
            )
        if begun.refusal:
            reason, _, detail = begun.refusal.partition("\n")
            raise Permanent(reason, detail)
        return None

    def _echoes_arrive(self, echoed: list[tuple[str, str, int]], own: dict[str, str]) -> bool:
        """Return whether the account's own messages come back to us, as far as we know."""
        now = self.tools.clock()
        late, early = first_id_at(epoch_ms(now - ECHO_LATE)), first_id_at(epoch_ms(now - ECHO_KEPT))
        sent = [dm_id for dm_id in own if int(early) < int(dm_id) < int(late)]
        if sent and max(sent, key=int) not in {event_id for event_id, _, _ in echoed}:
            return False
        return self.tools.echoes_arrive(self.account)

    def _looked_up_sends(self, since: datetime, begun: SendRecordPort) -> list[tuple[str, str, int]]:
        now, customer = self.tools.clock(), self.message.header.customer_id
        # The first look needs a list made after the send; the second one needs a newer list than the first.
        made_after = now - LOOKS_AFTER[begun.looks] / 2 if begun.looks else moment(begun.started_ms) + LOOKS_AFTER[0]
        with self.tools.endpoints.using(self.account.id, Endpoint.LIST):
            dms = self.tools.sent_lookups.sent(self.account.id, self.twitter, since, made_after, now)
        return [
            (d.event_id, fingerprint(d.text, d.links), epoch_ms(d.created_at)) for d in dms if d.customer_id == customer
        ]

    def _done(self, dm_id: str, event: str) -> None:
        self.tools.ledger.done(
            self.lease.account_id, self.message.header.customer_id, self.message.id, self.number, dm_id
        )
        facts = {"cim_id": self.message.id, "dm_id": dm_id, "step": self.number, "tries": self.lease.tries + 1}
        log.info(event, extra=facts)

    def _write(self, upload: Upload, **facts: Any) -> None:
        if upload.media_id:
            facts |= {"media_id": upload.media_id, "segments": upload.segments, "upload_state": upload.state}
            facts |= {"processing_since_ms": upload.processing_since_ms, "measured": upload.measured}
        if not self.tools.ledger.write(self.lease, self.message.id, self.number, self.tools.record_of(**facts)):
            raise LeaseLost


def _match(seen: list[tuple[str, str, int]], digest: str, since_ms: int, taken: dict[str, str]) -> str | None:
    """Return the oldest own message that fits and that is not the outcome of another send."""
    fitting = [i for i, of, at in seen if of == digest and at >= since_ms and i not in taken]
    return min(fitting, key=int, default=None)
