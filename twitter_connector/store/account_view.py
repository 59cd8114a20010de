"""An account as its routes and commands show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twitter_connector.errors import AWAITS_A_PERSON
from twitter_connector.model.account import V1, Account
from twitter_connector.model.capabilities import Capabilities
from twitter_connector.model.chat import NOTICE, UNREAD
from twitter_connector.model.oauth2 import ENDED_AT, GRANT_LASTS, NEXT_AT, REFRESHED_AT, UNTIL, scopes_lacking
from twitter_connector.model.timestamps import iso, moment
from twitter_connector.model.work import Direction

from .installation import Loss
from .status import AccountSnapshot


def described(
    account: Account,
    snapshot: AccountSnapshot,
    can: Capabilities,
    loss: Loss | None,
    usage: Mapping[str, str | int],
    limit_reached: str,
) -> dict[str, Any]:
    """Return what may be known of an account, as JSON: everything but its secrets.

    can: what its API can carry. loss: the last loss of the broker's data, while it matters. usage: what was used today,
    with its price. limit_reached: a sentence about the limit that the price has reached, "" for none.
    """
    account_status, pauses, probes = snapshot.status, snapshot.pauses, snapshot.probes
    attention = attention_of(account, snapshot, loss, limit_reached)
    # 0.1.0 says "paused" for credentials that X refuses, and has callers who wait for this word.
    paused = any(pause["reason"] not in AWAITS_A_PERSON for pause in pauses.values()) and not account.attention
    state = "paused" if paused else "attention" if attention else "unreachable" if probes else "active"
    return {
        "account_id": account.id,
        "screen_name": account.screen_name,
        "api": account.api,
        **account.settings,
        "inbound": account.inbound,
        "can": can.names(),
        "state": state,
        "attention": attention or None,
        "remarks": [remark.sentence for remark in account.remarks],
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
        "usage": usage,
        "x_chat": _x_chat(snapshot) if account.flavour != V1 else None,
        "unreachable": {
            d.word: {"side": "CCM" if d is Direction.IN else "Twitter", "probed_at": _iso(until)}
            for d, until in probes.items()
        },
        "pauses": {
            **{d.word: _pause(pause) for d, pause in pauses.items()},
            **{endpoint: _pause(pause) for endpoint, pause in snapshot.endpoint_pauses.items()},
        },
    }


def attention_of(account: Account, snapshot: AccountSnapshot, loss: Loss | None, limit_reached: str) -> str:
    """Return the sentence that says what a person has to do for an account; "" for nothing. See described."""
    of_account = account.attention or snapshot.attention or scopes_lacking(account)
    return of_account or (loss.detail if loss is not None else limit_reached)


def _x_chat(snapshot: AccountSnapshot) -> dict[str, Any]:
    """Return whether encrypted messages can be read here, how many of today could not, and how many notices said so."""
    return {
        "keys": snapshot.has_chat_keys,
        "unread_today": snapshot.chat.get(UNREAD, 0),
        "notices_today": snapshot.chat.get(NOTICE, 0),
    }


def _pause(pause: Mapping[str, str]) -> dict[str, Any]:
    return {"until": _iso(int(pause["until"])), "reason": pause["reason"], "detail": pause["detail"]}


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
