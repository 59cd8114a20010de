"""Replaces an OAuth 2.0 token that X refused, before an account stops because of it."""

from __future__ import annotations

from collections.abc import Callable

from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account, Credentials

from .ports import AccountsPort
from .token_refresh import TokenRefresh


def renewing(newer: Callable[..., bool], tokens: TokenRefresh) -> Callable[..., bool]:
    """Return `newer` of CredentialsPort, which replaces a refused OAuth 2.0 token before it asks CCM."""

    def newer_or_renewed(account: Account, *, ask: bool = False) -> bool:
        if newer(account, ask=False):
            return True
        if ask and account.credentials.oauth2_refresh_token and not account.credentials.access_token:
            try:
                if tokens.renewed(account):
                    return True
            except ConnectorError as error:
                tokens.failed(account, error)
        return newer(account, ask=ask)

    return newer_or_renewed


def renewed_credentials(accounts: AccountsPort, tokens: TokenRefresh) -> Callable[[Credentials], Credentials | None]:
    """Return what replaces an OAuth 2.0 token that X refused; see twitter/http.TwitterHttp."""

    def renewed(refused: Credentials) -> Credentials | None:
        account = next((a for a in accounts.all() if a.credentials.oauth2_seed == refused.oauth2_seed), None)
        if account is None or not refused.oauth2_seed:
            return None
        if account.credentials.oauth2_access_token != refused.oauth2_access_token:
            return account.credentials
        if tokens.waits(account):
            return None
        try:
            if not tokens.renewed(account):
                return None
        except ConnectorError as error:
            tokens.failed(account, error)
            return None
        newer = accounts.get(account.id, max_age=0)
        return newer.credentials if newer is not None else None

    return renewed
