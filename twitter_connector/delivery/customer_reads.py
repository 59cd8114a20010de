"""Tells CCM which replies a customer has read, each once, when all of its parts are sent and read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from twitter_connector.cim.envelope import load_dumped
from twitter_connector.messages.kinds.read_receipt import read_report, read_reports
from twitter_connector.model.event import DmRead
from twitter_connector.model.message import CimMessage
from twitter_connector.model.message_log import READ, LogLine
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Effect, Lease, ReadUpTo, Report

from .intake import report_entry
from .ports import SendLedgerPort


def read_by_customer(read: DmRead, ledger: SendLedgerPort, now: datetime) -> Sequence[Effect]:
    """Return READ for each reply that the customer has read now, and what keeps how far that is."""
    customer, at_ms = (read.account_id, read.customer_id), epoch_ms(read.created_at)
    unfinished = ledger.unfinished(*customer)
    sent = {dm_id: cim_id for dm_id, cim_id in ledger.own(*customer).items() if cim_id not in unfinished}
    effects: list[Effect] = []
    for report in read_reports(read, sent, now, ledger.scheduling(*customer)):
        effects += _reported(report, at_ms)
    # X may report a message as read before it answers the send. The reports of a customer are worked on one after the
    # other, so that no other mark comes in between.
    dm_id = read.last_read_event_id
    if dm_id and int(dm_id) > ledger.read_up_to(*customer)[0]:
        effects.append(ReadUpTo(*customer, dm_id, at_ms))
    return effects


def read_before(lease: Lease, reported: Report, ledger: SendLedgerPort, now: datetime) -> Sequence[Effect]:
    """Return READ for a reply that CCM now knows as DELIVERED, if the customer has read it before that."""
    if not reported.x_id:
        return ()
    # Only an entry of this lane changes it, so what was read with the head is still so.
    dm_id, at_ms = ledger.read_up_to(lease.account_id, lease.customer_id, lease.read_up_to)
    if dm_id < int(reported.x_id):
        return ()
    return _reported(read_report(load_dumped(reported.message), now), at_ms)


def _reported(report: CimMessage, at_ms: int) -> tuple[Effect, ...]:
    # Each report is an entry of its own, accepted once by its id however often X says "read".
    message_id = report.header.provider_message_id or ""
    line = LogLine(Direction.OUT, report.header.account_id, message_id, READ, at_ms=at_ms, if_new=True)
    return report_entry(report), line
