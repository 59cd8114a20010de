"""Takes over from CCM an account that nobody registered, so that agents' replies go out.

Registers nothing at X. Asks CCM once, however many messages wait for the account.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol

from marshmallow import ValidationError

from twitter_connector.cim.channel_configuration import credentials_in, wishes_in
from twitter_connector.errors import ConnectorError, CredentialsRejected, Permanent, Retryable, Scope
from twitter_connector.logs import hide
from twitter_connector.model.account import Account
from twitter_connector.model.event import is_id
from twitter_connector.model.flavour import Registration

from .credentials import refuse_token_of_another
from .ports import AccountsPort
from .unregistered import added, lacking, unregistered

log = logging.getLogger(__name__)

# Longer than the questions to CCM and X can take. The process that asks may also die.
ASKING_SECONDS = 60
# How long an answer without usable credentials counts; as long as for credentials that X refuses.
IN_VAIN_SECONDS = 600
# An answer takes about this long. Messages that wait for another process's question look again then.
ANSWER_SECONDS = 1
# If CCM or X did not answer, ask again after this long.
AGAIN_SECONDS = 10
# A restarting CCM is back within minutes. A CCM that answers errors for unknown accounts (its answer is not documented)
# must not keep the agent waiting for all of OUTBOUND_MAX_AGE.
LONGEST = timedelta(hours=1)

_ASKING, _LATER, _IN_VAIN = "asking", "later", "in_vain"
_REGISTER = "Register it with POST /webhook/twitter/register-and-subscribe, then replay the dead letter."
_REGISTER_OR_SAVE = (
    "Register it with POST /webhook/twitter/register-and-subscribe, or save its channel connector in Unified Admin "
    "with all four credentials, then replay the dead letter."
)
_CORRECT_THE_CHANNEL = "Correct the channel's service identifier in Unified Admin."


class EnquiriesPort(Protocol):
    """See store/enquiries.py."""

    def begin_enquiry(self, account_id: str, seconds: int) -> str: ...
    def end_enquiry(self, account_id: str, state: str, seconds: int) -> None: ...
    def forget_enquiry(self, account_id: str) -> None: ...


class _Unusable(Exception):
    """CCM has nothing that lets us act for the account. The argument is a sentence that says why."""


class SendOnlyAccounts:
    """pull: returns CCM's configuration of an account, or None if it has none."""

    def __init__(
        self,
        accounts: AccountsPort,
        enquiries: EnquiriesPort,
        pull: Callable[[str], Mapping[str, Any] | None],
        twitter_for: Callable[[Account], Registration],
        clock: Callable[[], datetime],
    ) -> None:
        self._accounts = accounts
        self._enquiries = enquiries
        self._pull = pull
        self._twitter_for = twitter_for
        self._clock = clock

    def __call__(self, account_id: str, waiting_since: datetime) -> Account:
        """Return the account, which can send from now on. waiting_since: when the message that needs it was accepted.

        Raises Permanent `unknown_account` if CCM has no credentials that work, Retryable while that is not known, and
        StoreUnavailable.
        """
        if not is_id(account_id):
            raise _unknown(account_id, "That is not the id of an X account.", _CORRECT_THE_CHANNEL)
        if self._accounts.withdrawn(account_id):
            # An operator unregistered it. CCM's configuration must not undo that.
            raise _unknown(account_id, "It was unregistered here.", _REGISTER)
        state = self._enquiries.begin_enquiry(account_id, ASKING_SECONDS)
        if state == "":
            return self._enquire(account_id, waiting_since)
        if state in (_ASKING, _LATER):
            error = Retryable("credentials_awaited", "CCM is being asked for the account's credentials.")
            seconds = ANSWER_SECONDS if state == _ASKING else AGAIN_SECONDS
            self._wait(account_id, waiting_since, error, self._clock() + timedelta(seconds=seconds))
        if state == _IN_VAIN:
            raise _unknown(account_id, "CCM was asked a few minutes ago and had no working credentials for it.")
        raise _unknown(account_id, "CCM was not asked: too many unknown accounts were asked about lately.")

    def _enquire(self, account_id: str, waiting_since: datetime) -> Account:
        account = self._accounts.get(account_id, max_age=0)
        if account is None:
            try:
                account = self._verified(account_id)
            except _Unusable as why:
                self._enquiries.end_enquiry(account_id, _IN_VAIN, IN_VAIN_SECONDS)
                raise _unknown(account_id, str(why)) from None
            except ConnectorError as error:
                now = self._clock()
                asked_wait = (error.until - now) // timedelta(seconds=1) if error.until else 0
                seconds = min(max(asked_wait, AGAIN_SECONDS), IN_VAIN_SECONDS)
                self._enquiries.end_enquiry(account_id, _LATER, seconds)
                self._wait(account_id, waiting_since, error, now + timedelta(seconds=seconds))
            account = added(self._accounts, account)
            log.warning("send_only_account_added", extra={"account": account_id, "detail": account.attention})
        # Only once the account is stored: a process that finds neither would ask again.
        self._enquiries.forget_enquiry(account_id)
        return account

    def _verified(self, account_id: str) -> Account:
        """Return the account with CCM's credentials. Raises _Unusable, or the error of a side that did not answer."""
        account = self._configured(account_id)
        try:
            owner_id, screen_name, name = self._twitter_for(account).who_am_i()
        except ConnectorError as error:
            if not _is_answer(error):
                raise
            raise _Unusable(f"With the credentials CCM has for it: {error.detail or error.reason}") from error
        if not owner_id:
            raise _Unusable("X does not say which account the credentials in CCM belong to.")
        if owner_id != account_id:
            raise _Unusable(f"The credentials CCM has for it are those of account {owner_id} (@{screen_name}).")
        return replace(account, screen_name=screen_name, name=name)

    def _configured(self, account_id: str) -> Account:
        try:
            configuration = self._pull(account_id)
        except ConnectorError as error:
            if not _is_answer(error):
                raise
            status = f", HTTP {error.status}" if error.status else ""
            raise _Unusable(f"CCM does not return its credentials ({error.reason}{status}).") from error
        if configuration is None:
            raise _Unusable("CCM has no credentials for it.")
        try:
            values = credentials_in(configuration)
            hide(f"account {account_id} in CCM", *values.values())
            refuse_token_of_another(account_id, values)
            wishes = wishes_in(configuration)
        except ValidationError as error:
            # Name the attributes and what is wrong with them, never their values.
            wrong = error.normalized_messages()  # type: ignore[no-untyped-call]
            details = "; ".join(f"{name}: {' '.join(map(str, what))}" for name, what in sorted(wrong.items()))
            raise _Unusable(f"What CCM has for it cannot be used. {details}") from error
        names = lacking(values)
        if names:
            raise _Unusable(f"CCM's configuration of it lacks {', '.join(names)} (no value, or a masked one).")
        return unregistered(account_id, values, wishes, self._clock())

    def _wait(self, account_id: str, waiting_since: datetime, error: ConnectorError, until: datetime) -> NoReturn:
        if self._clock() - waiting_since > LONGEST:
            raise _unknown(account_id, f"CCM has not given its credentials for an hour: {error.detail}")
        # Only this conversation waits: there is no account yet that could be paused.
        raise error.waiting(scope=Scope.LANE, until=until)


def not_registered(account_id: str, waiting_since: datetime) -> Account:
    """Raise Permanent `unknown_account`. Used if there is no CCM to ask."""
    raise _unknown(account_id, "", _REGISTER)


def _unknown(account_id: str, why: str, remedy: str = _REGISTER_OR_SAVE) -> Permanent:
    sentences = (f"X account {account_id} is not registered with the connector.", why, remedy)
    return Permanent("unknown_account", " ".join(filter(None, sentences)), ours=True)


def _is_answer(error: ConnectorError) -> bool:
    """Return whether the other side answered, and would answer the same again."""
    return isinstance(error, Permanent | CredentialsRejected) or error.status in (401, 403)
