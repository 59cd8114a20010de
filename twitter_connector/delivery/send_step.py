"""One Direct Message: uploads its file and sends it once, with a send record before and after.

X has no idempotency key. If the answer to a send never comes, look for the message before sending it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

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
from twitter_connector.messages.text import sent_fingerprint
from twitter_connector.model.account import Account
from twitter_connector.model.flavour import Messages
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MediaRef, SendDm, Upload
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.model.usage import DM_SENT
from twitter_connector.model.work import Effect, Lease, StepSent

from .echo_state import EchoState, echo_state
from .failover_lookup import found_after
from .media import UploadsPort
from .ports import SendRecordPort
from .send_tools import SendTools
from .sent_lookup import CLOCK_MARGIN, LOOKS_AFTER, SentDm, Shown, oldest_match, to_customer, wait_before_look

log = logging.getLogger(__name__)

# What a send record has about the send, apart from its looks.
_OF_SEND = ("started_ms", "started_at_x_ms", "sends", "refusal", "over_capacity")


@dataclass
class SendStep:
    """One step of a plan. looks_after: when to look for it if its answer never comes. usage: what X bills for it.

    settling: takes the effect that records the step as sent, if the message is settled right after it. Otherwise it is
    recorded at once.
    """

    looks_after: ClassVar[tuple[timedelta, ...]] = LOOKS_AFTER

    tools: SendTools
    lease: Lease
    message: CimMessage
    number: int
    step: SendDm
    account: Account
    twitter: Messages
    settling: list[Effect] | None = None

    @property
    def usage(self) -> str:
        return DM_SENT

    @property
    def sent_to(self) -> str:
        """Under which customer the send ledger has it."""
        return self.message.header.customer_id

    @property
    def digest(self) -> str:
        """The fingerprint of its text."""
        return sent_fingerprint(self.step.text)

    @property
    def echoes_arrive(self) -> bool:
        """Whether what was sent comes back as an event."""
        return self.tools.echoes_arrive(self.account)

    def perform(self, begun: SendRecordPort | None) -> str:
        """Bring the step to its end and return X's id of the message. begun: the send record of an earlier try."""
        upload = begun.upload if begun is not None else Upload()
        dm_id = self._sent_before(begun)
        if dm_id is not None:
            self._done(dm_id, "dm_found")
            return dm_id
        media_id = ""
        if self.step.media is not None:
            upload, media_id = self._uploaded(self.step.media, upload)
        started = self._started(begun)
        sends = (begun.sends if begun is not None else 0) + 1
        # Written before the send: if no answer ever comes, the next try looks for the message.
        self._write(upload, **started, sends=sends)
        try:
            dm_id = self._send(media_id, sends)
        except OutcomeUnknown as error:
            if isinstance(error, RefusedOrDelivered):
                self._write(upload, **started, sends=sends, refusal=f"{error.reason}\n{error.detail}")
            if busy := isinstance(error, OverCapacity):
                self._write(upload, **started, sends=sends, over_capacity=True)
            # X may also name a later moment.
            look_at = self.tools.clock() + wait_before_look(sends, busy=busy)
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
        return dm_id

    def _send(self, media_id: str, sends: int) -> str:
        """Send it and return its id. sends: how often it was sent, this time included."""
        return self.twitter.send_dm(self.message.header.customer_id, replace(self.step, media_id=media_id))

    def _started(self, begun: SendRecordPort | None) -> dict[str, int]:
        """Return when the send begins, by our clock and by X's."""
        now, ahead = self.tools.clock(), self.tools.service_ahead()
        return {"started_ms": epoch_ms(now), "started_at_x_ms": epoch_ms(now - ahead) if ahead else 0}

    def _uploaded(self, ref: MediaRef, upload: Upload) -> tuple[Upload, str]:
        latest = [upload]

        def keep(now: Upload) -> None:
            latest[0] = now
            self._write(now)

        media_id = self._taken_out(ref, upload, keep)
        return latest[0], media_id

    def _taken_out(self, ref: MediaRef, upload: Upload, keep: Callable[[Upload], None]) -> str:
        return self.tools.media_transfer.take_out(ref, self.account, upload, keep, self._uploads())

    def _uploads(self) -> UploadsPort | None:
        """Return where the file is uploaded, if not where the account's ordinary files are."""
        return None

    def _sent_before(self, begun: SendRecordPort | None) -> str | None:
        if begun is not None and begun.started_ms:
            return self._look(begun)
        failover = self.tools.failovers(self.lease.accepted_at)
        if failover is None:
            return None
        taken, now = self.tools.ledger.own(self.lease.account_id, self.sent_to), self.tools.clock()
        listed, ahead = self._listed, self.tools.service_ahead()
        return found_after(failover, self.lease.accepted_at, now, listed, self.digest, taken, ahead)

    def _look(self, begun: SendRecordPort) -> str | None:
        """Look for a send whose answer never came. Return its id, or None if it was most likely not delivered.

        Raises OutcomeUnknown to look again later, and Permanent if X refused the message and it cannot be found.
        """
        lease, digest = self.lease, self.digest
        started_at_x = moment(begun.started_at_x_ms or begun.started_ms)
        since = started_at_x - CLOCK_MARGIN
        taken, echoed = self.tools.ledger.own(lease.account_id, self.sent_to), self._echoed()
        sent_id = oldest_match(echoed, digest, epoch_ms(since), taken)
        if sent_id is None and begun.over_capacity and self.echoes_arrive:
            # X delivers few of the messages that it answers so, and their echoes come within a second.
            last, ids, now = self.tools.ledger.last_echo(lease.account_id), [e[0] for e in echoed], self.tools.clock()
            state = echo_state(taken, ids, last, started_at_x, now - self.tools.service_ahead())
            if state is EchoState.CURRENT:
                return None
            if state is EchoState.LATE:
                raise _unknown("The account's own messages come back late.", now + self.looks_after[0])
        shown: Sequence[SentDm] = ()
        if sent_id is None:
            shown = self._listed(since, self._list_after(begun))
            sent_id = oldest_match(shown, digest, epoch_ms(since), taken)
        if sent_id is not None:
            return sent_id
        looks = begun.looks + 1
        if looks < len(self.looks_after):
            self._write(begun.upload, **{fact: getattr(begun, fact) for fact in _OF_SEND}, looks=looks)
            raise _unknown("The message cannot be seen yet.", self.tools.clock() + self.looks_after[looks])
        if begun.refusal:
            reason, _, detail = begun.refusal.partition("\n")
            raise Permanent(reason, detail)
        if isinstance(shown, Shown) and shown.reaches is not None and shown.reaches > started_at_x:
            self._raise_unless_echoes_show(taken, [e[0] for e in echoed], started_at_x)
        return None

    def _raise_unless_echoes_show(self, taken: Collection[str], echoed: Collection[str], started: datetime) -> None:
        """Raise Permanent if nothing shows that a send failed: X's list does not reach back to it, and no later message
        of the account came back as an event."""
        last, now = self.tools.ledger.last_echo(self.lease.account_id), self.tools.clock() - self.tools.service_ahead()
        if self.echoes_arrive and echo_state(taken, echoed, last, started, now) is EchoState.CURRENT:
            return
        raise Permanent(
            "outcome_unknown",
            "X did not answer when this message was sent, and lists too few messages to show whether it has it. It may "
            "or may not have reached the customer: check the conversation before sending it again.",
            ours=True,
        )

    def _echoed(self) -> Sequence[SentDm]:
        """Return the account's messages to the customer that came back as events."""
        echoes = self.tools.ledger.echoes(self.account.id, self.message.header.customer_id)
        return [(e.event_id, e.digest, e.created_ms) for e in echoes]

    def _list_after(self, begun: SendRecordPort) -> datetime:
        """Return the moment after which the list must be made: the send, then the previous search."""
        newer = self.tools.clock() - self.looks_after[begun.looks] / 2
        return newer if begun.looks else moment(begun.started_ms) + self.looks_after[0]

    def _listed(self, since: datetime, made_after: datetime) -> Sequence[SentDm]:
        """Return the account's messages to the customer since a moment, from a list made after another one."""
        now, customer = self.tools.clock(), self.message.header.customer_id
        with self.tools.endpoints.using(self.account.id, Endpoint.LIST):
            dms = self.tools.sent_lookups.sent(self.account.id, self.twitter, since, made_after, now)
        return to_customer(dms, customer)

    def _done(self, dm_id: str, event: str) -> None:
        step = (self.lease.account_id, self.sent_to, self.message.id, self.number, dm_id, self.usage)
        if self.settling is None:
            self.tools.ledger.done(*step, last=False)
        else:
            self.settling.append(StepSent(*step))
        tries = self.lease.tries + 1
        log.info(event, extra={"cim_id": self.message.id, "dm_id": dm_id, "step": self.number, "tries": tries})

    def _write(self, upload: Upload, **facts: Any) -> None:
        if upload.media_id:
            facts |= {"media_id": upload.media_id, "segments": upload.segments, "upload_state": upload.state}
            facts |= {"processing_since_ms": upload.processing_since_ms, "measured": upload.measured}
        if not self.tools.ledger.write(self.lease, self.message.id, self.number, self.tools.record_of(**facts)):
            raise LeaseLost


def _unknown(why: str, until: datetime) -> OutcomeUnknown:
    return OutcomeUnknown("outcome_unknown", f"X did not confirm a send. {why}", until=until)
