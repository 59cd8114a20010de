"""Chooses which public posts an account takes in, and brings its subscriptions at X in line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from twitter_connector.model.account import LONG_POSTS, POSTS, V1, Account
from twitter_connector.model.posts import Posts

from .ports import AccountsPort
from .posts_settings import from_now_on, with_choices, with_long_posts
from .registration import AccountRegistration
from .registration_steps import RegistrationStatus


@dataclass(frozen=True)
class PostsChoice:
    """The use case of the command. posts: the public posts of an account at X."""

    accounts: AccountsPort
    registration: AccountRegistration
    posts: Callable[[Account], Posts]
    clock: Callable[[], datetime]

    def choose(self, account: Account, mode: str) -> RegistrationStatus | None:
        """Store the choice and bring the account's subscriptions in line. Return how it is registered at X; None where
        nothing is done there. Raises StepFailed; the choice is stored then, and the next check tries again."""
        from_now_on(self.accounts, account, with_choices(account, {POSTS: mode}), self.clock())
        chosen = self.accounts.change(account.id, lambda now: with_choices(now, {POSTS: mode}))
        if chosen is None:
            return None
        long = with_long_posts(chosen, self.posts).settings.get(LONG_POSTS, "")
        chosen = self.accounts.change(account.id, lambda now: with_choices(now, {LONG_POSTS: long}))
        if chosen is None or chosen.sends_only or chosen.flavour == V1:
            return None
        return self.registration.repair(chosen)
