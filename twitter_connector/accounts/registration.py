"""Registers accounts at X: webhook, subscriptions, credentials. Looks at all that, repairs it, and undoes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from twitter_connector.errors import Permanent, RateLimited
from twitter_connector.model.account import V1, Account, Credentials
from twitter_connector.model.capabilities import Capabilities
from twitter_connector.model.flavour import Registration as RegistrationAtX
from twitter_connector.model.posts import Posts
from twitter_connector.model.subscription import ChallengeAnswer, Subscriptions
from twitter_connector.model.work import Direction

from .backfill import open_gap
from .change_of_way import ChangeOfWay
from .grant_choice import AT_ONCE, replaced_grant, with_grant_of
from .ports import AccountsPort, LanesPort, LocksPort, PairsPort
from .posts_settings import from_now_on, with_long_posts
from .registration_request import Registration
from .registration_state import RegistrationState, own
from .registration_steps import SENDS_ONLY, RegistrationStatus, StepFailed, performed
from .webhook_setup import WebhookSetup

log = logging.getLogger(__name__)

# A registration takes seconds. A second one of the same account waits this long for its end.
WAIT_SECONDS = 20.0
_LOOK_AGAIN_SECONDS = 0.2
UNDER_WAY = "registration_under_way"
_TRY_AGAIN_AFTER = timedelta(seconds=10)


@dataclass(frozen=True)
class AccountRegistration:
    """The registration use cases. Every failure is a StepFailed that says what to do.

    registration: makes the gateway of an account. challenge: see twitter/own_challenge. can: what the account's API
    carries. posts: its public posts. wait_seconds: how long one registration waits for another one of the same account.
    read_back: takes in what an account missed (at_once: even if it was read lately). begun: gets an OAuth 2.0 access
    token where only the refresh token is given. pairs: the tokens of OAuth 2.0 grants; None where there are none.
    """

    accounts: AccountsPort
    lanes: LanesPort
    locks: LocksPort
    registration: Callable[[Account], RegistrationAtX]
    challenge: Callable[[str, str], ChallengeAnswer]
    can: Callable[[Account], Capabilities]
    posts: Callable[[Account], Posts]
    clock: Callable[[], datetime]
    wait_seconds: float = WAIT_SECONDS
    read_back: Callable[..., object] = lambda account, *, at_once: None
    begun: Callable[[Credentials], Credentials] = lambda credentials: credentials
    pairs: PairsPort | None = None

    @property
    def _state(self) -> RegistrationState:
        return RegistrationState(self.accounts, self.registration, self.challenge, self.can, self.clock)

    def register(self, request: Registration) -> RegistrationStatus:
        """Bring an account into service. A repetition changes nothing that is right already."""
        account_id = request.account_id
        try:
            account = self._with_grant(request.account())
            credentials = performed("credentials", lambda: self.begun(account.credentials))
            account = self._owned(replace(account, credentials=credentials))
            account_id = account.id
            with self._one_at_a_time(account_id):
                status = self._register(account)
        except StepFailed as error:
            _log_failure(account_id, error)
            raise
        log.info("registered", extra={"account": account_id, "actions": list(status.actions)})
        return status

    def repair(self, account: Account, *, refused_too: bool = True) -> RegistrationStatus:
        """Bring back what is missing of a registered account's webhook and subscriptions. Change nothing else.

        refused_too: try also the optional subscriptions that X refused before.
        """
        if account.sends_only:
            raise StepFailed("webhook", SENDS_ONLY)
        with self._one_at_a_time(account.id):
            setup = self._state.setup(replace(account, remarks=()) if refused_too else account)
            try:
                status = self._state.connect(setup)
            except StepFailed:
                self._state.store_seen(account, setup)
                raise
            if status.account != account:
                self._state.store(status)
        return status

    def status(self, account: Account) -> RegistrationStatus:
        """Return how the account is registered, read from X now, and store what was seen."""
        x = self.registration(account)
        if account.sends_only:
            # A send-only account has no webhook to check. We can still check its credentials.
            performed("credentials", x.who_am_i)
            return RegistrationStatus(account, None, Subscriptions(active=False))
        webhook = own(performed("webhook", x.webhooks), account) if x.needs_webhook else None
        subscriptions = performed("subscription", lambda: x.subscriptions(webhook))
        seen = replace(
            account, webhook=webhook, subscribed=subscriptions.active is not False, remarks=subscriptions.remarks
        )
        status = RegistrationStatus(seen, webhook, subscriptions, can=self.can(account))
        self._state.store(status)
        if not status.works:
            self.accounts.note(account.id, next_check_at=0)
        return status

    def unregister(self, account: Account) -> None:
        """Unsubscribe, delete our webhook and no other, forget the credentials.

        If another account needs the webhook, it is registered again under that account's URL, because the one with this
        account's id will not be answered any more. If X does not accept the credentials or does not know the place of
        the webhook any more, nothing can be undone there, and the account is forgotten all the same.
        """
        with self._one_at_a_time(account.id):
            heirs: Sequence[Account] = ()
            if not account.sends_only:
                heirs = self._state.taken_down(account)
            self.accounts.withdraw(account.id)
            if self.pairs is not None:
                self.pairs.forget(account.credentials.oauth2_seed)
            log.info("unregistered", extra={"account": account.id})
        for heir in heirs:
            # Until the webhook is registered again, this account receives no events.
            open_gap(self.accounts, heir, self.accounts.account_status(heir.id), self.clock())
            self._state.store(self._state.connect(self._state.setup(heir)))

    def users_of(self, webhook_id: str) -> list[Account]:
        """Return the registered accounts whose events come over a webhook."""
        return self._state.users_of(webhook_id)

    def delete_webhook(self, account: Account, webhook_id: str) -> list[Account]:
        """Delete a webhook that an account's credentials can reach. Return the accounts that used it; each of them
        says from now on that it needs attention."""
        users = self.users_of(webhook_id)
        performed("webhook", lambda: self.registration(account).delete_webhook(webhook_id))
        for user in users:
            attention = (
                f"Its webhook was deleted by command. `twitter-connector check {user.id}` registers it again; the "
                "connector also tries to within minutes."
            )
            open_gap(self.accounts, user, self.accounts.account_status(user.id), self.clock())
            seen = replace(user, webhook=None, subscribed=False, attention=attention)
            self._state.store(RegistrationStatus(seen, None, Subscriptions(active=False)))
        return users

    # Registering

    def _owned(self, account: Account) -> Account:
        """Return the account with its names, and with its id where no URL named it. Raises StepFailed if the access
        token is another account's."""
        x = performed("credentials", lambda: self.registration(account))
        owner_id, screen_name, name = performed("credentials", x.who_am_i)
        if account.id and not owner_id:
            # X has accepted the credentials, and subscribing needs the account's own.
            log.warning("token_owner_unknown", extra={"account": account.id})
        elif not owner_id:
            raise StepFailed(
                "credentials",
                "X does not say who owns the access token. Register with a WEBHOOK-URL that ends in the account's id.",
                Permanent("token_owner_unknown", "", status=422),
            )
        elif account.id and owner_id != account.id:
            called = f" (@{screen_name})" if screen_name else ""
            raise StepFailed(
                "credentials",
                f"The access token belongs to account {owner_id}{called}, but WEBHOOK-URL ends in {account.id}. Use "
                "the token of that account, or end the URL in the id of this one.",
            )
        return replace(account, id=account.id or owner_id, screen_name=screen_name, name=name)

    def _with_grant(self, account: Account) -> Account:
        """Return the account with the OAuth 2.0 grant that it has already, if the request brings none of its own."""
        former = self.accounts.get(account.id, max_age=0) if account.id else None
        if former is None or self.pairs is None or account.flavour == V1:
            return account
        return replace(account, credentials=with_grant_of(former.credentials, account.credentials, self.pairs))

    def _register(self, account: Account) -> RegistrationStatus:
        former = self.accounts.get(account.id, max_age=0)
        account = replace(self._with_grant(account), registered_at=self.clock())
        account = with_long_posts(account, self.posts)
        if former is not None:
            rekeyed = former.rekeyed(account.credentials)
            account = replace(
                account,
                screen_name=account.screen_name or former.screen_name,
                name=account.name or former.name,
                # By its id, our webhook is recognised as ours although the URL is another one now.
                webhook=former.webhook,
                registered_at=former.registered_at or account.registered_at,
                retired_secrets=rekeyed.retired_secrets,
                retired_until=rekeyed.retired_until,
            )
        before = self.accounts.account_status(account.id)
        from_now_on(self.accounts, former, account, self.clock())
        change = ChangeOfWay(
            former, account, self.accounts, self.lanes, self.registration, self._state, self.read_back, self.clock
        )
        with change.inbound_paused():
            # X's challenge comes while the registration call is still open: the account must be stored by then.
            performed("credentials", lambda: self.accounts.save(account, noted=False))
            setup = self._state.setup(account)
            try:
                status = self._state.connect(setup)
            except BaseException:
                self._restore(former, setup, before)
                raise
            self.accounts.save(status.account)
            self.lanes.resume(Direction.OUT, account.id)
            change.finish(status.account, before)
        self._after(status.account, former)
        return status

    def _restore(self, former: Account | None, setup: WebhookSetup, before: Mapping[str, int]) -> None:
        """Store the account as it was before a registration that failed, and what X has now."""
        if former is None:
            setup.take_back()
            self.accounts.remove(setup.account.id)
            return
        self.accounts.save(former, noted=False)
        if self.registration(former).webhook_scope != self.registration(setup.account).webhook_scope:
            setup.take_back()
            return  # what was seen is of another place of X
        self._state.store_seen(former, setup)
        if setup.replaced:
            self._state.open_gaps(setup, {})
            open_gap(self.accounts, former, before, self.clock())

    def _after(self, account: Account, former: Account | None) -> None:
        if former is not None and self.pairs is not None:
            replaced_grant(former.credentials, account.credentials, self.pairs)
        if account.credentials.oauth2_seed:
            self.accounts.note(account.id, **AT_ONCE)
        self.lanes.resume(Direction.IN, account.id)
        # Messages with pictures that X refused to the old credentials are waiting; retry them now.
        self.lanes.end_waits(account.id)

    @contextmanager
    def _one_at_a_time(self, account_id: str) -> Iterator[None]:
        end = time.monotonic() + self.wait_seconds
        while True:
            with self.locks.alone(f"registration:{account_id}") as alone:
                if alone:
                    yield
                    return
            if time.monotonic() > end:
                until = self.clock() + _TRY_AGAIN_AFTER
                raise StepFailed(
                    "webhook",
                    f"Another registration of account {account_id} is under way. Wait until it has ended, then send "
                    "this one again.",
                    RateLimited(UNDER_WAY, "", until=until),
                )
            time.sleep(_LOOK_AGAIN_SECONDS)


def _log_failure(account_id: str, error: StepFailed) -> None:
    cause = error.cause
    facts = {"reason": cause.reason, "status": cause.status, "code": cause.code} if cause else {}
    log.warning(
        "registration_failed", extra={"account": account_id, "step": error.step, "detail": error.advice, **facts}
    )
