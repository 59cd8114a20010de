"""Takes over what CCM has for an account: pushed when its channel connector is saved, or pulled when X refuses the
credentials we have. Registers nothing at X, and sends nothing to X."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from marshmallow import ValidationError

from twitter_connector.cim.channel_configuration import PushedConfiguration, credentials_in
from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.model.account import INBOUND, Account
from twitter_connector.model.event import is_id

from .grant_choice import AT_ONCE, replaced_grant, with_grant_of
from .ports import AccountsPort, LanesPort, PairsPort
from .posts_settings import from_now_on, with_choices
from .registration_steps import SENDS_ONLY
from .unregistered import added, lacking, served_as, unregistered, with_values

log = logging.getLogger(__name__)

# https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens: an access token begins
# with the id of its owner.
_OWNED_TOKEN = re.compile(r"(?P<owner>\d{1,20})-.+")
# Pauses with an end set by X. Other credentials do not shorten them.
_TIMED = frozenset({"rate_limited", "looks_automated"})


class ChannelPort(Protocol):
    """See store/enquiries.py."""

    def may_pull(self, account_id: str) -> bool: ...
    def forget_enquiry(self, account_id: str) -> None: ...
    def name_type(self, channel_type_id: str) -> None: ...


@dataclass(frozen=True)
class Taken:
    """The outcome of a push. why: a sentence about why the account was not stored."""

    account_id: str
    registered: bool
    changed: bool
    sends_only: bool = False
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the answer of the route."""
        if self.sends_only:
            detail = SENDS_ONLY
        elif not self.registered:
            detail = f"{self.why} Nothing was stored."
        elif self.changed:
            detail = "The credentials are in force from now on. If events stop arriving, register the account again."
        else:
            detail = "The account has these credentials already; masked and empty values change nothing."
        facts = {"serviceIdentifier": self.account_id, "registered": self.registered, "changed": self.changed}
        return {**facts, "detail": detail}


class Configure:
    """The configuration use cases. pull: returns CCM's configuration of an account, or None if it has none."""

    def __init__(
        self,
        accounts: AccountsPort,
        lanes: LanesPort,
        enquiries: ChannelPort,
        pull: Callable[[str], Mapping[str, Any] | None],
        clock: Callable[[], datetime],
        pairs: PairsPort | None = None,
    ) -> None:
        self._pairs = pairs
        self._accounts = accounts
        self._lanes = lanes
        self._enquiries = enquiries
        self._pull = pull
        self._clock = clock

    def push(self, pushed: PushedConfiguration) -> Taken:
        """Take over CCM's configuration of an account, in force in every process, and end pauses that waited for it.

        Raises ValidationError if the tokens belong to another account, and StoreUnavailable.
        """
        account = self._accounts.get(pushed.account_id, max_age=0) if is_id(pushed.account_id) else None
        if account is None:
            return self._take_in(pushed)
        changed = self._take_over(account, pushed.values)
        if account.sends_only and pushed.wishes:
            served = self._accounts.change(account.id, lambda now: served_as(now, pushed.wishes, self._clock()))
            changed = changed or served != account
            account = served or account
        changed = self._choose(account, pushed.wishes) or changed
        self._look_soon(account)
        self._resume(account.id)
        log.info("configuration_pushed", extra={"account": account.id, "changed": changed})
        return Taken(account.id, not account.sends_only, changed, account.sends_only)

    def _choose(self, account: Account, wishes: Mapping[str, str]) -> bool:
        """Store what CCM says of public posts; the next check brings the subscriptions in line. Return whether that
        changed anything."""
        choices = {name: value for name, value in wishes.items() if name not in ("api", INBOUND)}
        before = self._accounts.get(account.id, max_age=0) or account
        from_now_on(self._accounts, before, with_choices(before, choices), self._clock())
        chosen = self._accounts.change(account.id, lambda now: with_choices(now, choices)) if choices else None
        return chosen is not None and chosen.settings != before.settings

    def _take_in(self, pushed: PushedConfiguration) -> Taken:
        """Bring an account that nobody registered into service, as far as CCM's attributes reach."""
        # CCM's last answer about this account may be outdated: let its next message ask again.
        self._enquiries.forget_enquiry(pushed.account_id)
        why = self._not_taken(pushed)
        if not why:
            refuse_token_of_another(pushed.account_id, pushed.values)
            account = unregistered(pushed.account_id, pushed.values, pushed.wishes, self._clock())
            try:
                account = added(self._accounts, account)
            except Permanent as error:
                why = error.detail
            else:
                self._look_soon(account)
                self._resume(account.id)
                log.warning("account_taken_from_ccm", extra={"account": account.id, "sends_only": account.sends_only})
                return Taken(account.id, not account.sends_only, True, account.sends_only)
        log.info("configuration_of_unknown_account", extra={"account": pushed.account_id, "detail": why})
        return Taken(pushed.account_id, registered=False, changed=False, why=why)

    def _not_taken(self, pushed: PushedConfiguration) -> str:
        """Return why an account cannot be brought into service by its configuration; "" if it can."""
        if not is_id(pushed.account_id):
            return "The service identifier is not the id of an X account. Correct it in the channel."
        if self._accounts.withdrawn(pushed.account_id):
            return (
                "This account was unregistered here. Register it with POST /webhook/twitter/register-and-subscribe to "
                "use it again."
            )
        names = lacking(pushed.values)
        return f"The configuration lacks {', '.join(names)} (no value, or a masked one)." if names else ""

    def newer(self, account: Account, *, ask: bool = True) -> bool:
        """Return whether the account has other credentials than `account`, or speaks another API.

        ask: if not, ask CCM for some, at most once in PULL_SECONDS.
        """
        fresh = self._accounts.get(account.id, max_age=0)
        if fresh is None:
            return False
        if fresh.credentials != account.credentials or fresh.flavour != account.flavour:
            return True
        if not ask or not self._enquiries.may_pull(account.id):
            return False
        try:
            attributes = self._pull(account.id)
            changed = attributes is not None and self._take_over(fresh, credentials_in(attributes))
        except ConnectorError as error:
            log.warning("configuration_not_pulled", extra={"account": account.id, "reason": error.reason})
            return False
        except ValidationError as error:
            # The names of the attributes; never their values.
            wrong = sorted(error.normalized_messages())  # type: ignore[no-untyped-call]
            log.warning("configuration_unusable", extra={"account": account.id, "attributes": wrong})
            return False
        if changed:
            self._look_soon(fresh)
        log.info(
            "configuration_pulled", extra={"account": account.id, "found": attributes is not None, "changed": changed}
        )
        return changed

    def name_channel_type(self, channel_type_id: str) -> None:
        """Store the id of the channel type that an operator names."""
        self._enquiries.name_type(channel_type_id)

    def _take_over(self, account: Account, values: Mapping[str, str]) -> bool:
        refuse_token_of_another(account.id, values)
        changed = False

        def rekey(now: Account) -> Account:
            nonlocal changed
            credentials = with_values(now.credentials, values)
            if "bearer_token" not in values and (
                (credentials.api_key, credentials.api_key_secret)
                != (now.credentials.api_key, now.credentials.api_key_secret)
            ):
                # A bearer token belongs to the app. With other app keys X gives another one.
                credentials = replace(credentials, bearer_token=None)
            if self._pairs is not None:
                credentials = with_grant_of(now.credentials, credentials, self._pairs)
            changed = credentials != now.credentials
            return now.rekeyed(credentials)

        stored = self._accounts.change(account.id, rekey)
        if stored is not None and self._pairs is not None:
            replaced_grant(account.credentials, stored.credentials, self._pairs)
            if stored.credentials.oauth2_seed:
                # Ask X at once, whatever it answered before.
                self._accounts.note(account.id, **AT_ONCE)
        return changed

    def _look_soon(self, account: Account) -> None:
        # Without these credentials the webhook could not be repaired, and the next check may be an hour away.
        if not account.sends_only:
            self._accounts.note(account.id, next_check_at=0, next_poll_at=0)

    def _resume(self, account_id: str) -> None:
        for direction, pause in self._lanes.pauses(account_id).items():
            if pause.get("reason") not in _TIMED:
                self._lanes.resume(direction, account_id)
        # Messages with pictures that X refused to the old credentials are waiting; retry them now.
        self._lanes.end_waits(account_id)


def refuse_token_of_another(account_id: str, values: Mapping[str, str]) -> None:
    """Raise ValidationError if the access token shows that it belongs to another account."""
    owned = _OWNED_TOKEN.fullmatch(values.get("access_token", ""))
    if owned and owned["owner"] != account_id:
        # Replies would be sent in another brand's name.
        raise ValidationError(
            {"ACCESS-TOKEN": [f"This token belongs to account {owned['owner']}, not to {account_id}."]}
        )
