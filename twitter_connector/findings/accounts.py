"""Checks each account: credentials, webhook, subscriptions, public address, pauses and gap."""

from __future__ import annotations

from collections.abc import Iterator

from twitter_connector.accounts.registration_steps import RegistrationStatus, StepFailed
from twitter_connector.bootstrap import Services
from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account
from twitter_connector.model.chat import UNREAD
from twitter_connector.model.subscription import CHOSEN_POSTS
from twitter_connector.model.work import Direction
from twitter_connector.net.certificate import seconds_left
from twitter_connector.store.status import AccountSnapshot

from .finding import Finding, age

# Certificates are renewed by machines, a month before they end as a rule.
CERTIFICATE_SECONDS = 14 * 86400.0


def channel(svc: Services, account: Account) -> Iterator[Finding]:
    """Yield a finding if CCM has no channel for an account."""
    try:
        known = svc.cim.has_channel(account.id)
    except ConnectorError:
        return  # CCM's own finding says what is wrong
    if not known:
        yield Finding(
            f"account {account.id}",
            False,
            "no channel of CCM has this account as its service identifier",
            f"Create the channel in Unified Admin with the service identifier {account.id}. Until then CCM refuses the "
            "customers' messages.",
        )


def account(svc: Services, account: Account, state: AccountSnapshot, now_ms: int) -> Iterator[Finding]:
    """Yield the findings of one account, except the one about CCM's channel."""
    name = f"account {account.id}"
    if account.attention:
        yield Finding(name, False, "needs attention", account.attention)
    if advice := svc.spending.attention(account, state.usage):
        yield Finding(name, False, "limit of spending reached", advice)
    yield from _x_chat(svc, name, state)
    yield from _waits(name, state)
    if since := state.status.get("gap_since"):
        detail = f"customers' messages of the last {age((now_ms - since) / 1000)} may be missing"
        yield Finding(name, False, detail, f"`twitter-connector check {account.id}` reads them back.")
    try:
        registration_status = svc.registration.status(account)
    except StepFailed as error:
        yield Finding(name, False, f"step {error.step} failed", error.advice)
        return
    if account.sends_only:
        return  # what is missing stands in `attention`
    yield _registration(account, registration_status)
    yield from _optional(account, registration_status)
    if registration_status.webhook is not None:
        yield from _public_address(svc, account, registration_status.webhook.url)


def _waits(name: str, state: AccountSnapshot) -> Iterator[Finding]:
    for direction, pause in state.pauses.items():
        yield Finding(name, False, f"{direction.word} paused: {pause['reason']}", pause["detail"])
    for endpoint, pause in state.endpoint_pauses.items():
        yield Finding(name, False, f"{endpoint} paused: {pause['reason']}", pause["detail"])
    for direction in state.probes:
        side, variable = ("CCM", "CCM_URL") if direction is Direction.IN else ("X", "the way to X")
        advice = f"One message probes {side}, all others wait. Check {variable}, and {side} itself."
        yield Finding(name, False, f"{direction.word}: {side} cannot be reached", advice)


def _x_chat(svc: Services, name: str, state: AccountSnapshot) -> Iterator[Finding]:
    if state.has_chat_keys and svc.chats.library_version() is None:
        yield Finding(name, False, "has X Chat keys, but its encrypted messages cannot be read here", svc.chats.MISSING)
    elif state.chat.get(UNREAD):
        detail = f"{state.chat[UNREAD]} encrypted messages (X Chat) of today wait in the X app"
        yield Finding(name, True, detail)


def _registration(account: Account, status: RegistrationStatus) -> Finding:
    name, webhook, repair = f"account {account.id}", status.webhook, f"`twitter-connector check {account.id}`"
    if status.works:
        way_in = f"webhook {webhook.id} valid, subscribed" if webhook else f"events by {account.inbound}"
        return Finding(name, True, f"@{account.screen_name}, {way_in}")
    if webhook is None and account.needs_webhook:
        return Finding(name, False, "no webhook at X", f"{repair} registers it again.")
    if webhook is not None and not webhook.valid:
        return Finding(name, False, f"webhook {webhook.id} is invalid", f"{repair} has X repeat its challenge.")
    return Finding(name, False, "not subscribed", f"{repair} subscribes it again.")


def _optional(account: Account, status: RegistrationStatus) -> Iterator[Finding]:
    """Yield the optional subscriptions that X has not. A person chose the posts; the account works without the rest."""
    for remark in status.subscriptions.remarks:
        chosen = remark.event in CHOSEN_POSTS
        advice = f"Remove the cause, then `twitter-connector check {account.id}` tries again." if chosen else ""
        yield Finding(f"account {account.id}", not chosen, remark.sentence, advice)


def _public_address(svc: Services, account: Account, url: str) -> Iterator[Finding]:
    """Yield what is wrong with the address that X calls: the answer to our own challenge, and the certificate."""
    name = f"account {account.id}"
    answer = svc.challenge(url, account.credentials.api_key_secret)
    if answer.right is False:
        advice = "X will find the webhook invalid. Correct the gateway's route, the DNS entry or the certificate."
        yield Finding(name, False, f"WEBHOOK-URL {answer.seen}", advice)
        return
    left = seconds_left(url)
    if left is not None and left < CERTIFICATE_SECONDS:
        detail = f"the certificate of WEBHOOK-URL ends in {age(left)}"
        yield Finding(name, False, detail, "Renew the certificate at the gateway. X refuses an expired one.")
