"""The routes that show accounts and metrics. They change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from twitter_connector import metrics
from twitter_connector.accounts.token_refresh import ENDED_AT, GRANT_LASTS, NEXT_AT, REFRESHED_AT, UNTIL
from twitter_connector.bootstrap import Services
from twitter_connector.errors import AWAITS_A_PERSON
from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import iso, moment
from twitter_connector.model.work import Direction
from twitter_connector.store.status import AccountSnapshot

from .access import internal
from .context import services
from .metrics import StatusCollector
from .registration import unknown

bp = Blueprint("accounts", __name__)


@bp.get("/accounts")
@internal
def list_accounts() -> Response:
    svc = services()
    accounts = svc.accounts.all()
    snapshots = svc.status.snapshot([account.id for account in accounts]).accounts
    return jsonify({"items": [described(svc, account, snapshots[account.id]) for account in accounts]})


@bp.get("/accounts/<account_id>")
@internal
def show_account(account_id: str) -> Response:
    svc = services()
    account = svc.accounts.get(account_id, max_age=0)
    if account is None:
        return unknown()
    return jsonify(described(svc, account, svc.status.snapshot([account_id]).accounts[account_id]))


@bp.get("/metrics")
@internal
def show_metrics() -> Response:
    return Response(
        metrics.exposition(StatusCollector(services())), content_type="text/plain; version=0.0.4; charset=utf-8"
    )


def described(svc: Services, account: Account, snapshot: AccountSnapshot) -> dict[str, Any]:
    """Return what may be known of an account: everything but its secrets."""
    account_status, pauses, probes = snapshot.status, snapshot.pauses, snapshot.probes
    attention = account.attention or next(
        (pause["detail"] for pause in pauses.values() if pause["reason"] in AWAITS_A_PERSON),
        snapshot.refusal,
    )
    if svc.installation.last is not None:
        attention = attention or svc.installation.last.detail
    state = "attention" if attention else "paused" if pauses else "unreachable" if probes else "active"
    return {
        "account_id": account.id,
        "screen_name": account.screen_name,
        "api": account.api,
        **account.settings,
        "inbound": account.inbound,
        "can": svc.twitter.of(account).can.names(),
        "state": state,
        "attention": attention or None,
        "token_refresh": _token_refresh(account_status) if account.credentials.oauth2_refresh_token else None,
        "webhook": (
            {"id": account.webhook.id, "url": account.webhook.url, "valid": account.webhook.valid}
            if account.webhook
            else None
        ),
        "subscribed": account.subscribed,
        "registered_at": iso(account.registered_at) if account.registered_at else None,
        "last_event_at": _iso(account_status.get("last_event_at")),
        "last_crc_at": _iso(account_status.get("last_crc_at")),
        "lanes_waiting": {d.word: n for d, n in snapshot.waiting.items()},
        "webhook_checked_at": _iso(account_status.get("checked_at")),
        # Customers' messages since then are still to be read back.
        "gap_since": _iso(account_status.get("gap_since") or None),
        "twitter_limits": snapshot.limits,
        "unreachable": {
            d.word: {"side": "CCM" if d is Direction.IN else "Twitter", "probed_at": _iso(until)}
            for d, until in probes.items()
        },
        "pauses": {
            d.word: {"until": _iso(int(p["until"])), "reason": p["reason"], "detail": p["detail"]}
            for d, p in pauses.items()
        },
    }


def _token_refresh(status: Mapping[str, int]) -> dict[str, Any]:
    """Return how the account's OAuth 2.0 token stands. Moments that are not known are None."""
    ended, next_at, refreshed = status.get(ENDED_AT), status.get(NEXT_AT), status.get(REFRESHED_AT)
    return {
        "state": "grant_ended" if ended else "failing" if next_at else "ok" if refreshed else "new",
        "refreshed_at": _iso(refreshed or None),
        "access_token_until": _iso(status.get(UNTIL) or None),
        # X ends a grant that nobody uses until then.
        "grant_until": iso(moment(refreshed) + GRANT_LASTS) if refreshed else None,
        "next_try_at": _iso(next_at or None),
        "ended_at": _iso(ended or None),
    }


def _iso(ms: int | None) -> str | None:
    return iso(moment(ms)) if ms is not None else None
