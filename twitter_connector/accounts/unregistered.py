"""Makes an account that nobody registered from what CCM has for it.

It sends, answers challenges and takes in signed events: its webhook may have been made by hand. With `INBOUND` `poll`
or `stream` among CCM's attributes it is in service at once, since neither needs a webhook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from twitter_connector.errors import Permanent
from twitter_connector.model.account import INBOUND, POLL, STREAM, V1, V2, Account, Credentials

from .ports import AccountsPort
from .posts_settings import with_choices
from .registration_steps import SENDS_ONLY

_NEEDED = {
    "api_key": "API-KEY",
    "api_key_secret": "API-KEY-SECRET",
    "access_token": "ACCESS-TOKEN",
    "access_token_secret": "ACCESS-TOKEN-SECRET",
}


def lacking(values: Mapping[str, str]) -> list[str]:
    """Return the names of the attributes that are missing for acting in the name of an account."""
    return [name for field, name in _NEEDED.items() if field not in values]


def unregistered(account_id: str, values: Mapping[str, str], wishes: Mapping[str, str], now: datetime) -> Account:
    """Return the account. values: all four that `lacking` looks for. wishes: see PushedConfiguration."""
    return served_as(Account(account_id, with_values(Credentials("", "", "", ""), values), ""), wishes, now)


def with_values(credentials: Credentials, values: Mapping[str, str]) -> Credentials:
    """Return the credentials with what CCM says. An OAuth 2.0 refresh token is a seed; see Credentials.seeded."""
    plain = {name: value for name, value in values.items() if not name.startswith("oauth2_")}
    seed, access_token = values.get("oauth2_refresh_token", ""), values.get("oauth2_access_token", "")
    return replace(credentials, **plain).seeded(seed, access_token)


def added(accounts: AccountsPort, account: Account) -> Account:
    """Store an account that nobody registered, and return what is stored of it now.

    Where release 0.1.0 may still run, it is stored as 0.1.0 would: for API v1.1. Raises Permanent(stored_form_old) if
    only API v2 can serve it.
    """
    try:
        accounts.add(account)
    except Permanent as error:
        if error.reason != "stored_form_old" or not account.sends_only:
            raise
        accounts.add(replace(account, flavour=V1, settings={}))
    return accounts.get(account.id, max_age=0) or account


def served_as(account: Account, wishes: Mapping[str, str], now: datetime) -> Account:
    """Return an account that nobody registered as CCM wishes it to be served."""
    flavour = V1 if wishes.get("api") == "v1.1" else V2
    inbound = wishes.get("inbound", "")
    account = with_choices(account, {name: value for name, value in wishes.items() if name not in ("api", INBOUND)})
    kept = {name: value for name, value in account.settings.items() if name != INBOUND}
    if flavour == V2 and inbound in (POLL, STREAM):
        settings = {**account.settings, INBOUND: inbound}
        registered_at = account.registered_at or now
        return replace(account, flavour=flavour, settings=settings, registered_at=registered_at, attention="")
    return replace(account, flavour=flavour, settings=kept, attention=account.attention or SENDS_ONLY)
