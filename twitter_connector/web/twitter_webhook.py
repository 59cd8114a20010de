"""The route to which X posts events: verify, store, answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from twitter_connector.accounts.posts_settings import posts_taken_in
from twitter_connector.bootstrap import Services
from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.errors import StoreUnavailable
from twitter_connector.metrics import ACKNOWLEDGED, NATIVE_REPLIES, REFUSED, count_event
from twitter_connector.model.account import Account
from twitter_connector.model.event import RawEvent, is_id
from twitter_connector.model.post import OFF
from twitter_connector.store.accounts import REFRESH_PAUSE_SECONDS

from .context import services
from .problems import problem
from .refused_events import refused
from .replay_report import note_replay_report
from .request_body import NotJson, read_body, read_json
from .unknown_accounts import unknown_account, unknown_account_reads
from .webhook_signature import (
    SIGNATURE,
    SIGNATURE_HEADER,
    genuine,
    may_speak_for,
    note_proof,
    signer,
)

log = logging.getLogger(__name__)
bp = Blueprint("twitter_webhook", __name__)

BODY_MAX_BYTES = 1024 * 1024


@bp.post("/webhook/twitter/<account_id>")
def receive_activity(account_id: str) -> Response:
    """Answer 200 once the events are stored: one round trip to the broker, no outgoing HTTP."""
    with refused().noting(account_id):
        response = _received(account_id)
    if response.status_code == 200:
        refused().tell(services())
    return response


def _received(account_id: str) -> Response:
    started = time.perf_counter()
    svc = services()
    account = _account(svc, account_id)
    if account is None:
        return unknown_account()
    body = read_body(BODY_MAX_BYTES)
    signed_for = genuine(svc, account, body)
    if signed_for is None:
        REFUSED.labels("signature").inc()
        svc.history.count_refused(account_id, svc.clock.last_known())
        log.warning("signature_refused", extra={"account": account_id, "bytes": len(body)})
        return problem(
            401,
            f"The {SIGNATURE_HEADER} header is missing or does not fit the body under this account's consumer secret.",
            kind="signature-refused",
        )
    payload = _json_object(body)
    if payload is None:
        return problem(400, "The body is signed correctly, but it is not a JSON object.", kind="invalid-request")
    raw_events = [
        raw_event
        for raw_event in svc.twitter.raw_events(payload, account_id)
        if may_speak_for(svc, signed_for, raw_event)
    ]
    take_in_activities(raw_events, svc.inbox, count_event, by="webhook", posts=_posts_chosen(svc, signed_for))
    for raw_event in raw_events:
        if raw_event.own and raw_event.app_id and signed_for.app_id and raw_event.app_id != signed_for.app_id:
            # The brand wrote in another client. CIM has no form for that, so the desk does not show it.
            NATIVE_REPLIES.inc()
        if raw_event.family == "revoke":
            _flag_revoked(svc, raw_event)
    note_replay_report(svc, signed_for, payload)
    response = Response(b"", 200, content_type="text/plain")
    if signed_for.retired_secrets:
        note_proof(response, svc, signed_for, signer(signed_for, body))
    ACKNOWLEDGED.observe(time.perf_counter() - started)
    return response


def _posts_chosen(svc: Services, signed_for: Account) -> Callable[[str], str]:
    """Return a function that returns which public posts an account takes in, given its id."""

    def chosen(account_id: str) -> str:
        account = signed_for if account_id == signed_for.id else _account(svc, account_id)
        if not svc.inbox.away:
            with suppress(StoreUnavailable):
                return posts_taken_in(svc.accounts, account_id, account)
        return account.posts if account is not None else OFF

    return chosen


def _account(svc: Services, account_id: str) -> Account | None:
    """Return the account from this process's cache, or from the store if the cache is old or does not know it.

    Raises StoreUnavailable if the store does not answer and the cache does not know the account.
    """
    fresh = svc.accounts.fresh(account_id)
    if fresh is not None:
        return fresh
    known = svc.accounts.last_known(account_id)
    if known is not None and svc.inbox.away:
        # The event can still be verified, and kept in the journal.
        return known
    try:
        return svc.accounts.get(account_id) or _just_registered(svc, account_id)
    except StoreUnavailable:
        svc.inbox.missed()
        if known is None:
            raise
        return known


def _just_registered(svc: Services, account_id: str) -> Account | None:
    """Return an account that another process registered a moment ago, or None.

    An event always has a signature of this form. Without one, or for an id that cannot be X's, the answer of up to a
    second ago is good enough. More reads than the limit allows are answered 503, so that X repeats the event.
    """
    if not is_id(account_id) or not SIGNATURE.fullmatch(request.headers.get(SIGNATURE_HEADER, "")):
        return svc.accounts.get(account_id, max_age=REFRESH_PAUSE_SECONDS)
    if not unknown_account_reads().take():
        raise StoreUnavailable("too_many_unknown_accounts", "Too many events for unknown accounts. Send it again.")
    return svc.accounts.get(account_id, max_age=0)


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        payload = read_json(body, unambiguous=False)
    except NotJson:
        return None
    return payload if isinstance(payload, dict) else None


def _flag_revoked(svc: Services, raw_event: RawEvent) -> None:
    sentence = "The account's owner has revoked the app's access at X. Make new tokens and register again."
    if svc.accounts.change(raw_event.account_id, lambda a: replace(a, subscribed=False, attention=sentence)):
        log.error("access_revoked", extra={"account": raw_event.account_id})
