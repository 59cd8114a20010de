"""Chooses the OAuth 2.0 grant of an account whose credentials are given again."""

from __future__ import annotations

from dataclasses import replace

from twitter_connector.model.account import Credentials

from .ports import PairsPort

# Fields of the account status that make the next refresh come at once; see token_refresh.
AT_ONCE = {"oauth2_until": 0, "oauth2_next_at": 0, "oauth2_ended_at": 0}


def with_grant_of(former: Credentials, new: Credentials, pairs: PairsPort) -> Credentials:
    """Return the new credentials, with the former grant if they have none, or have one that was replaced before. CCM
    and the registration file still have the refresh token that `authorize` replaced.
    """
    if not former.oauth2_seed or (new.oauth2_seed and not pairs.replaced(new.oauth2_seed)):
        return new
    if not new.oauth2_seed and new.client_id not in ("", former.client_id):
        # Another client, whose grant is still to come.
        return new
    return replace(
        new,
        client_id=former.client_id,
        client_secret=new.client_secret or former.client_secret,
        oauth2_access_token=former.oauth2_access_token,
        oauth2_refresh_token=former.oauth2_refresh_token,
        oauth2_seed=former.oauth2_seed,
    )


def replaced_grant(former: Credentials, new: Credentials, pairs: PairsPort) -> None:
    """Forget the tokens of a grant that an account had before, if it has another one now."""
    if new.oauth2_seed != former.oauth2_seed:
        pairs.forget(former.oauth2_seed, replaced=True)
