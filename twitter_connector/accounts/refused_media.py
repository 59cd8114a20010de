"""Whether Twitter refuses one file of a customer's, or the account in whose name it is fetched.

The media hosts answer both alike. So the API is asked, once, whether it accepts the account's credentials. Fetches
nothing and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from twitter_connector.errors import CredentialsRejected, Permanent, RateLimited, Retryable
from twitter_connector.model.account import Account
from twitter_connector.model.flavour import Registration
from twitter_connector.model.timestamps import moment
from twitter_connector.model.work import Direction

from .credentials import others_tried

# What is refused to an account for one of these reasons, its own files among it. The others (writing, the plan)
# concern single parts of the API.
_ALL_OF_IT = frozenset(
    {"credentials_rejected", "token_revoked", "clock_wrong", "account_suspended", "account_locked"}
    | {"dm_permission_missing"}
)
# After a pause one message finds out whether it goes on; the files of other conversations come a little later.
SPREAD = timedelta(seconds=20)


@dataclass(frozen=True)
class RefusedFile:
    """pauses: what holds an account back, by direction. refused: Configure.refused. chance: from 0 to 1."""

    pauses: Callable[[str], Mapping[Direction, Mapping[str, str]]]
    twitter_for: Callable[[Account], Registration]
    refused: Callable[[Account], bool]
    clock: Callable[[], datetime]
    chance: Callable[[], float]

    def judge(self, account: Account) -> None:
        """Return where the refusal is of the file alone.

        Raises CredentialsRejected where Twitter does not accept the account's credentials, and Retryable while that
        is known already or cannot be found out.
        """
        known = self.pauses(account.id).get(Direction.OUT, {})
        if known.get("reason") in _ALL_OF_IT:
            until = moment(int(known["until"])) + SPREAD * self.chance()
            raise Retryable(known["reason"], known.get("detail", ""), ours=True, until=until)
        try:
            with others_tried(account, self.refused, self.clock):
                self.twitter_for(account).who_am_i()
        except CredentialsRejected:
            raise
        except (RateLimited, Retryable) as error:
            # Only this conversation waits for that: neither CCM's silence nor a limit of sending is behind it.
            raise Retryable(error.reason, error.detail, until=error.until, status=error.status) from error
        except Permanent:
            # It says nothing about the credentials, and a conversation must not wait a day for a guess.
            return
