"""Gives a registered account an OAuth 2.0 grant, after its owner has authorized the app at X."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.flavour import Registration
from twitter_connector.model.oauth2 import SCOPES, TokenPair
from twitter_connector.model.work import Direction

from .grant_choice import AT_ONCE
from .ports import AccountsPort, LanesPort, PairsPort
from .registration_steps import StepFailed, performed


@dataclass(frozen=True)
class OAuth2SignIn:
    """redeem: see twitter/oauth2. registration: makes the gateway of an account. Failures are StepFailed."""

    accounts: AccountsPort
    lanes: LanesPort
    pairs: PairsPort
    redeem: Callable[[Credentials, str, str, str], TokenPair]
    registration: Callable[[Account], Registration]

    def finish(self, known: Account, client: Credentials, code: str, redirect_uri: str, verifier: str) -> None:
        """Exchange a code for its grant, and store it. Messages that wait for the grant are tried at once.

        client: credentials with the id and secret of the app's OAuth 2.0 client.
        """
        pair = performed("credentials", lambda: self.redeem(client, code, redirect_uri, verifier))
        granted = replace(client.seeded(pair.refresh_token, pair.access_token), access_token="", access_token_secret="")
        x = self.registration(replace(known, credentials=granted))
        self._require_owner(known, performed("credentials", x.who_am_i))

        def with_grant(now: Account) -> Account:
            kept = replace(now.credentials, client_id=client.client_id, client_secret=client.client_secret)
            settings = {**now.settings, **({SCOPES: pair.scopes} if pair.scopes else {})}
            return replace(now, settings=settings).rekeyed(kept.seeded(pair.refresh_token, pair.access_token))

        self.accounts.change(known.id, with_grant)
        self.pairs.forget(known.credentials.oauth2_seed, replaced=True)
        self.accounts.note(known.id, **AT_ONCE, next_poll_at=0, next_check_at=0)
        for direction in Direction:
            self.lanes.resume(direction, known.id)
        self.lanes.end_waits(known.id)

    def _require_owner(self, known: Account, owner: tuple[str, str, str]) -> None:
        if owner[0] != known.id:
            raise StepFailed(
                "credentials",
                f"The app was authorized by account {owner[0]} (@{owner[1]}), not by {known.id}. Log in to X as "
                f"{known.id} and authorize it again.",
            )
