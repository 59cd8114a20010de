"""The route on which X sends its challenge (CRC).

https://docs.x.com/x-api/webhooks/introduction (challenge-response checks)
"""

from __future__ import annotations

import json

from flask import Blueprint, Response, request

from twitter_connector.bootstrap import Services
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import Account, signature
from twitter_connector.model.timestamps import epoch_ms

from .context import services
from .problems import problem
from .refused_events import refused
from .unknown_accounts import unknown_account
from .webhook_signature import harmless, note_proof, signer

bp = Blueprint("twitter_challenge", __name__)

CRC_TOKEN_MAX_CHARS = 1000


@bp.get("/webhook/twitter/<account_id>")
def answer_challenge(account_id: str) -> Response:
    """Answer X's challenge (CRC) with the consumer secret of the account in the path."""
    token = request.args.get("crc_token", "")
    refusal = _token_refusal(token)
    if refusal:
        return problem(400, f"{refusal} This address answers X's challenge.", kind="invalid-crc-token")
    svc = services()
    with refused().noting(account_id):
        account = _challenged(svc, account_id)
    if account is None:
        return _answer_of_trial(svc, account_id, token)
    # During a key rotation X signs the challenge with the secret that the answer must prove.
    secret, response = account.credentials.api_key_secret, Response(content_type="application/json")
    if account.retired_secrets and b"crc_token=" in request.query_string:
        signing_secret = signer(account, request.query_string)
        secret = signing_secret or secret
        note_proof(response, svc, account, signing_secret)
    response.set_data(json.dumps({"response_token": signature(secret, token.encode())}))
    return response


def _answer_of_trial(svc: Services, account_id: str, token: str) -> Response:
    """Answer our own challenge to the address of an account that is about to be registered; 404 for any other."""
    secret = svc.trials.secret(account_id)
    if secret is None:
        return unknown_account()
    return Response(json.dumps({"response_token": signature(secret, token.encode())}), mimetype="application/json")


def _token_refusal(token: str) -> str:
    """Return a sentence that says why a challenge token is not signed; "" if it is."""
    if not token:
        return "The query parameter crc_token is missing."
    if len(token) > CRC_TOKEN_MAX_CHARS:
        return f"The crc_token is longer than {CRC_TOKEN_MAX_CHARS} characters."
    if not harmless(token):
        return "The crc_token contains '{' or 'crc_token=': signed, it could pass for an event or another challenge."
    return ""


def _challenged(svc: Services, account_id: str) -> Account | None:
    # Read the account from the store: another process may be registering it, and X disables the webhook after one
    # wrong answer.
    try:
        account = svc.accounts.get(account_id, max_age=0)
        if account is not None:
            svc.accounts.note(account_id, last_crc_at=epoch_ms(svc.clock()))
    except StoreUnavailable:
        account = svc.accounts.last_known(account_id)
        if account is None:
            raise
    return account
