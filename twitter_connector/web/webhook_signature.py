"""Signs challenges, and verifies who signed a request from X and for which accounts that counts.

https://docs.x.com/x-api/webhooks/introduction (challenge-response checks, signature header)
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Iterable

from flask import Response, request

from twitter_connector.bootstrap import Services
from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.model.account import Account, signature
from twitter_connector.model.event import RawEvent
from twitter_connector.store.accounts import REFRESH_PAUSE_SECONDS

log = logging.getLogger(__name__)

# SHA-256 in Base64: 43 characters and one for padding.
SIGNATURE = re.compile(r"sha256=[A-Za-z0-9+/]{43}=")
SIGNATURE_HEADER = "x-twitter-webhooks-signature"


def is_genuine(header: str | None, secrets: Iterable[str], body: bytes) -> bool:
    """Return True if the header is the body's signature under one of the secrets. Compares in constant time."""
    if not header:
        return False
    given = header.encode("utf-8", "surrogatepass")
    genuine = False
    for secret in secrets:
        # Anybody can sign with an empty secret.
        if secret and hmac.compare_digest(given, signature(secret, body).encode("ascii")):
            genuine = True
    return genuine


def harmless(token: str) -> bool:
    """Return True if the token may be signed.

    Anybody may send a challenge, so its answer must never be the signature of an event (a JSON object) or of another
    challenge.
    """
    return "{" not in token and "crc_token=" not in token


def genuine(svc: Services, account: Account, body: bytes) -> Account | None:
    """Return the stored account if one of its secrets signed the body, otherwise None."""
    header = request.headers.get(SIGNATURE_HEADER)
    if is_genuine(header, account.consumer_secrets, body):
        return account
    if not header:
        return None
    # Another process may have changed the keys. Read them again, at most once a second.
    try:
        fresh = svc.accounts.get(account.id, max_age=REFRESH_PAUSE_SECONDS)
    except StoreUnavailable:
        return None
    if fresh is None or fresh is account or not is_genuine(header, fresh.consumer_secrets, body):
        return None
    return fresh


def signer(account: Account, message: bytes) -> str | None:
    """Return the consumer secret of the account that signed the message, or None."""
    header = request.headers.get(SIGNATURE_HEADER)
    return next((s for s in account.consumer_secrets if is_genuine(header, [s], message)), None)


def note_proof(response: Response, svc: Services, account: Account, secret: str | None) -> None:
    """After the answer was sent, store that the newest secret works, if it is the one that signed."""
    if secret != account.credentials.api_key_secret or account.retired_until is not None:
        return

    def note() -> None:
        try:
            svc.accounts.proved(account.id)
        except ConnectorError as error:
            log.info("secret_check_not_stored", extra={"account": account.id, "reason": error.reason})

    response.call_on_close(note)


def may_speak_for(svc: Services, signed_for: Account, raw_event: RawEvent) -> bool:
    """Return True if a body signed for one account may contain an event of the raw event's account.

    It may not if that account belongs to another app.
    """
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
