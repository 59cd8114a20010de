"""Chooses which public posts an account takes in, and brings its subscriptions at X in line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from twitter_connector.model.account import POSTS, V1, Account

from .ports import AccountsPort
from .posts_settings import from_now_on, with_choices, with_long_posts
from .registration import AccountRegistration
from .registration_steps import RegistrationStatus


@dataclass(frozen=True)
class PostsChoice:
    """The use case of the command."""

    accounts: AccountsPort
    registration: AccountRegistration
    clock: Callable[[], datetime]

    def choose(self, account: Account, mode: str) -> RegistrationStatus | None:
        """Store the choice and bring the account's subscriptions in line. Return how it is registered at X; None where
        nothing is done there. Raises StepFailed; the choice is stored then, and the next check tries again."""
        chosen = self.accounts.change(account.id, lambda now: with_choices(now, {POSTS: mode}))
        if chosen is None:
            return None
        from_now_on(self.accounts, account, chosen, self.clock())
        if chosen.sends_only or chosen.flavour == V1:
            return None
        chosen = with_long_posts(chosen, self.registration.registration)
        self.accounts.change(account.id, lambda now: replace(now, settings=chosen.settings))
        return self.registration.repair(chosen)
