"""Asks X whether it accepts an account's credentials, before the account stops or a file is given up.

X answers 401 or 403 whether it refuses one endpoint or the whole account. To know which, ask X who owns the
credentials. Sends nothing and stores nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twitter_connector.errors import ConnectorError, CredentialsRejected, Permanent, RateLimited, Retryable, Scope
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.flavour import Registration
from twitter_connector.model.timestamps import moment
from twitter_connector.model.work import Direction

# Reasons for which X refuses an account everything, its media included. The others (writing, the plan) concern single
# parts of the API.
_ALL_OF_IT = frozenset(
    {"credentials_rejected", "token_revoked", "clock_wrong", "account_suspended", "account_locked"}
    | {"dm_permission_missing"}
)
# After a pause one message finds out whether the account works again; files of other conversations come a little later.
SPREAD = timedelta(seconds=20)
# X allows the question 75 times in 15 minutes. All messages that need the answer at the same time share it.
ANSWER_LASTS = timedelta(seconds=5)


@dataclass(frozen=True)
class CredentialsCheck:
    """The retry policy's questions about credentials (delivery/ports.CredentialsPort).

    pauses: the pauses of an account, by direction. newest: Configure.newer. chance: from 0 to 1.
    ended: TokenRefresh.ended.
    """

    pauses: Callable[[str], Mapping[Direction, Mapping[str, str]]]
    registration: Callable[[Account], Registration]
    newest: Callable[..., bool]
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    ended: Callable[[Account], ConnectorError | None] = lambda account: None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _answers: dict[str, tuple[datetime, Credentials, ConnectorError | None]] = field(default_factory=dict)

    def newer(self, account: Account, *, ask: bool = False) -> bool:
        """Return whether the account has other credentials or another API by now. ask: also ask CCM for some, if it is
        time to."""
        return self.newest(account, ask=ask)

    def rejection(self, account: Account) -> ConnectorError | None:
        """Return None if X accepts the account's credentials; CredentialsRejected if not, RateLimited or Retryable if
        X could not be asked. An account that is paused for such a reason is not asked about again.
        """
        known = self.pauses(account.id).get(Direction.OUT, {})
        if known.get("reason") in _ALL_OF_IT:
            until = moment(int(known["until"])) + SPREAD * self.chance()
            reason, detail = known["reason"], known.get("detail", "")
            return CredentialsRejected(reason, detail, scope=Scope.LANE, ours=True, until=until)
        if (ended := self.ended(account)) is not None:
            return ended
        with self._lock:
            at, credentials, answer = self._answers.get(account.id, (None, None, None))
            if at is not None and credentials == account.credentials and abs(self.clock() - at) < ANSWER_LASTS:
                return answer
        answer = self._asked(account)
        with self._lock:
            self._answers[account.id] = (self.clock(), account.credentials, answer)
        return answer

    def _asked(self, account: Account) -> ConnectorError | None:
        try:
            self.registration(account).who_am_i()
        except (RateLimited, Retryable) as error:
            return error
        except Permanent:
            pass  # it says nothing about the credentials
        return None
