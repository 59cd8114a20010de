"""Replaces an OAuth 2.0 token that X refused, before an account stops because of it."""

from __future__ import annotations

from collections.abc import Callable

from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account

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
