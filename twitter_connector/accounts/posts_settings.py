"""The settings of an account about public posts: which it takes in, and what its agents may do in public."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import LONG_POSTS, Account
from twitter_connector.model.post import ALL, OFF
from twitter_connector.model.posts import Posts
from twitter_connector.model.timestamps import epoch_ms, first_id_at

from .ports import AccountsPort

log = logging.getLogger(__name__)

# Fields of an account's status: the newest post that was polled, when its mentions are polled next, and when X was last
# asked how long its posts may be.
MARK, NEXT_MENTIONS, LENGTH_ASKED_AT = "mentions_mark", "next_mentions_at", "length_asked_at"

# An account may have been registered, or have chosen its posts, a moment ago.
FRESH_SECONDS = 1.0


def with_choices(account: Account, choices: Mapping[str, str]) -> Account:
    """Return the account with some choices. What is usual is not stored: posts off, and everything else allowed."""
    settings = {**account.settings, **choices}
    return replace(
        account,
        settings={
            name: value for name, value in settings.items() if name not in choices or value not in (OFF, "true", "")
        },
    )


def posts_taken_in(accounts: AccountsPort, account_id: str, known: Account | None) -> str:
    """Return which public posts an account takes in. Raises StoreUnavailable.

    known: the account as it was read some seconds ago. The choice may be newer, and a post that is left out does not
    come again. An account that takes in all posts loses none: it is read once a second at most.
    """
    all_posts = known is not None and known.posts == ALL
    account = accounts.get(account_id, max_age=FRESH_SECONDS if all_posts else 0.0)
    return account.posts if account is not None else OFF


def from_now_on(accounts: AccountsPort, former: Account | None, account: Account, now: datetime) -> None:
    """Note where reading the mentions of an account begins, if it takes posts in from now on.

    account: as it is to be stored next. Without the mark, all mentions since the registration would be taken in.
    """
    if former is not None and former.posts == OFF and account.posts != OFF:
        accounts.note(account.id, **{MARK: int(first_id_at(epoch_ms(now))), NEXT_MENTIONS: 0, LENGTH_ASKED_AT: 0})


def with_long_posts(account: Account, posts: Callable[[Account], Posts]) -> Account:
    """Return an account that takes in posts with what X says of the length of its own."""
    if account.posts == OFF:
        return account
    try:
        long = posts(account).may_be_long()
    except ConnectorError as error:
        # 280 characters are right for every account.
        log.warning("length_of_posts_unknown", extra={"account": account.id, "reason": error.reason})
        return account
    return with_choices(account, {LONG_POSTS: "yes" if long else ""})
