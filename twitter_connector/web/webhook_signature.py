"""Who signed a request of Twitter's, what that proves, and for whom it may speak. How to sign: signature.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterable

from flask import Response, request

from twitter_connector.bootstrap import Services
from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.model.account import Account
from twitter_connector.model.event import RawEvent
from twitter_connector.store.accounts import REFRESH_PAUSE_SECONDS

log = logging.getLogger(__name__)

_PREFIX = "sha256="
SIGNATURE_HEADER = "x-twitter-webhooks-signature"


def signature(secret: str, message: bytes) -> str:
    """Return `sha256=` and the Base64 of the HMAC-SHA256 of a message under the consumer secret."""
    return _PREFIX + base64.b64encode(hmac.digest(secret.encode(), message, hashlib.sha256)).decode("ascii")


def is_genuine(header: str | None, secrets: Iterable[str], body: bytes) -> bool:
    """Say whether the header is the body's signature under any of the secrets. Fails closed; constant time."""
    if not header:
        return False
    given = header.encode("utf-8", "surrogatepass")
    genuine = False
    for secret in secrets:
        # An empty secret would accept what anybody can sign.
        if secret and hmac.compare_digest(given, signature(secret, body).encode("ascii")):
            genuine = True
    return genuine


def harmless(token: str) -> bool:
    """Say whether signing the token can do no harm. Anybody may ask for that, so it must never be the signature of
    an event, which is a JSON object, nor of another challenge."""
    return "{" not in token and "crc_token=" not in token


def genuine(svc: Services, account: Account, body: bytes) -> Account | None:
    """Return the account under one of whose secrets the body is signed, as stored now; None where it is not."""
    header = request.headers.get(SIGNATURE_HEADER)
    if is_genuine(header, account.consumer_secrets, body):
        return account
    if not header:
        return None
    # The keys may have been changed in another process; looked up again at most once a second.
    try:
        fresh = svc.accounts.get(account.id, max_age=REFRESH_PAUSE_SECONDS)
    except StoreUnavailable:
        return None
    if fresh is None or fresh is account or not is_genuine(header, fresh.consumer_secrets, body):
        return None
    return fresh


def signer(account: Account, message: bytes) -> str | None:
    """Return the one of the account's consumer secrets that signed the message."""
    header = request.headers.get(SIGNATURE_HEADER)
    return next((s for s in account.consumer_secrets if is_genuine(header, [s], message)), None)


def note_proof(response: Response, svc: Services, account: Account, secret: str | None) -> None:
    """Once the answer is out, note that the newest secret has been seen to work, if it is the one that signed."""
    if secret != account.credentials.api_key_secret or account.retired_until is not None:
        return

    def note() -> None:
        try:
            svc.accounts.proved(account.id)
        except ConnectorError as error:
            log.info("secret_check_not_stored", extra={"account": account.id, "reason": error.reason})

    response.call_on_close(note)


def may_speak_for(svc: Services, signed_for: Account, raw_event: RawEvent) -> bool:
    """Say whether what was signed with one account's secret may tell of the piece's account: where another app is
    known to serve that one, it may not."""
    if raw_event.account_id == signed_for.id:
        return True
    try:
        other = svc.accounts.get(raw_event.account_id)
    except StoreUnavailable:
        other = svc.accounts.last_known(raw_event.account_id)
    if other is None or signed_for.shares_app(other):
        return True
    log.error("event_of_another_app", extra={"account": raw_event.account_id, "signed_for": signed_for.id})
    return False
