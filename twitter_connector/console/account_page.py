"""The page of one account: the steps of its registration, what waits, limits, usage, and its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, render_template

from twitter_connector.bootstrap import described
from twitter_connector.model.account import V1, Account
from twitter_connector.web.context import services

from .answers import prepare
from .sessions import page

bp = Blueprint("console_account", __name__, url_prefix="/console")
prepare(bp)

HISTORY_ROWS = 30
# Reasons of a pause that say something of the credentials.
CREDENTIALS_REFUSED = frozenset(
    {"credentials_rejected", "token_revoked", "oauth2_needed", "oauth2_grant_ended", "oauth2_client_refused"}
)


@bp.get("/accounts/<account_id>")
@page
def account(account_id: str) -> str:
    """Show an account as `GET /accounts/{id}` does."""
    svc = services()
    known = svc.accounts.get(account_id, max_age=0)
    if known is None:
        abort(404, "This account is not registered.")
    shown = described(svc, [known])[0]
    history = [event.shown() for event in reversed(svc.history.all(account_id)[-HISTORY_ROWS:])]
    return render_template(
        "account.html", account=shown, steps=_steps(known, shown), history=history, v1=V1, known=known
    )


def _steps(known: Account, shown: Mapping[str, Any]) -> list[tuple[str, bool | None, str]]:
    """Return (step, whether it is done or None where it is not needed, in words) of a registration."""
    refused = next((pause for pause in shown["pauses"].values() if pause["reason"] in CREDENTIALS_REFUSED), None)
    webhook, crc = known.webhook, shown["last_crc_at"]
    steps = [("credentials", refused is None, refused["reason"] if refused else "X has not refused them")]
    if not known.needs_webhook:
        return [*steps, ("webhook", None, f"not needed: events come by {known.inbound}")]
    words = f"{webhook.url}: {'valid' if webhook.valid else 'invalid'}" if webhook else "none"
    return [
        *steps,
        ("webhook", webhook is not None and webhook.valid, words),
        # X lists a webhook as valid only after the right answer.
        (
            "challenge",
            bool(crc) or (webhook is not None and webhook.valid),
            f"last answered {crc[:19].replace('T', ' ')}" if crc else "X has sent none so far",
        ),
        ("subscription", known.subscribed, "subscribed" if known.subscribed else "not subscribed"),
    ]
