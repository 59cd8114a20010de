"""Checks everything that the service depends on, and says what to do about each fault."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from twitter_connector.accounts.channel_type import CHANNEL_TYPE, ChannelType, ensure_channel_type
from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.bootstrap import Services
from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account
from twitter_connector.model.timestamps import moment
from twitter_connector.net.answers import NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient
from twitter_connector.processes.var_dir import disk_space
from twitter_connector.queue.clock import DIFFERENCE_SECONDS
from twitter_connector.queue.wakeups import QUEUES, UPKEEP_QUEUE
from twitter_connector.startup import now
from twitter_connector.store.status import AccountSnapshot, Snapshot

from .environment import json_option
from .session import plainly, services, show

SECONDS = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at. advice: what to do; empty where all is well."""

    what: str
    ok: bool
    found: str
    advice: str = ""


@click.command("doctor")
@json_option
@plainly
def doctor(as_json: bool) -> None:
    """Check environment, broker, workers, CCM, file engine, and each account's credentials and webhook."""
    findings = list(look(services()))
    if as_json:
        show([finding.__dict__ for finding in findings], True)
    else:
        for finding in findings:
            click.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.what:24}{finding.found}")
            if finding.advice:
                click.echo(f"     -> {finding.advice}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


def look(svc: Services) -> Iterator[Finding]:
    """Yield a finding for each part, in the order in which they depend on each other."""
    settings = svc.settings
    where = "embedded, in VAR_DIR" if settings.embedded_broker else "REDIS_URL"
    summary = f"understood; broker {where}; VAR_DIR {settings.var_dir}"
    yield Finding("environment", not settings.warnings, summary, " ".join(settings.warnings))
    free, advice = disk_space(settings.var_dir)
    yield Finding("disk", not advice, free, advice)
    broker = _tried("broker", svc.heartbeats.store, "stores", "Start the service (`make run`), or correct REDIS_URL.")
    yield broker
    if broker.ok:
        yield from _broker_safety(svc)
        if loss := svc.installation.look():
            yield Finding("broker data", False, f"lost: {loss.kind}", loss.detail)
        snapshot = svc.status.snapshot((), [*QUEUES.values(), UPKEEP_QUEUE])
        workers, unserved = snapshot.workers, snapshot.unserved
        advice = ""
        if not workers:
            advice = "No worker is alive, so nothing is delivered. Start `twitter-connector worker`."
        elif unserved:
            advice = f"No worker serves these queues: {', '.join(unserved)}. Start a worker without -Q."
        yield Finding("workers", not advice, f"{len(workers)} alive", advice)
        yield _clocks(snapshot)
        dead = snapshot.dead_letters
        advice = "`twitter-connector dead-letters list` tells why; `replay` sends them again." if dead else ""
        yield Finding("dead letters", dead == 0, str(dead), advice)
    # Any HTTP answer shows that something listens. Failed messages show whether it works.
    yield _reached(svc.http_client, "CCM", "CCM_URL", f"{settings.ccm_url}/channel-types")
    yield from _channel_type(svc)
    if settings.file_engine_url:
        yield _reached(svc.http_client, "file engine", "FILE_ENGINE_URL", settings.file_engine_url)
    else:
        yield Finding("file engine", False, "not configured", "Set FILE_ENGINE_URL, or pictures and videos fail.")
    if broker.ok:
        try:
            accounts = svc.accounts.all()
        except ConnectorError as error:  # most likely the credentials key
            yield Finding("accounts", False, "cannot be read", error.detail)
            return
        states = svc.status.snapshot([account.id for account in accounts]).accounts
        for account in accounts:
            yield from _account(svc, account, states[account.id])


def _broker_safety(svc: Services) -> Iterator[Finding]:
    """Yield a finding for each setting of the broker with which it may lose data."""
    for problem in svc.broker_safety.problems():
        accepted = problem.name == "eviction" and not problem.fatal  # BROKER_EVICTION=allow
        yield Finding("broker safety", accepted, problem.name.replace("_", " "), problem.detail)


def _clocks(snapshot: Snapshot) -> Finding:
    """Return whether the clocks of this machine and of the living workers agree with the broker's."""
    differences = {"this machine": round((now() - moment(snapshot.now_ms)).total_seconds()), **snapshot.clocks}
    wrong = {name: seconds for name, seconds in differences.items() if abs(seconds) > DIFFERENCE_SECONDS}
    if not wrong:
        return Finding("clocks", True, "agree with the broker's")
    found = ", ".join(f"{name} {abs(n)} s {'ahead' if n > 0 else 'behind'}" for name, n in wrong.items())
    advice = (
        "Synchronise the clocks of these machines and of the broker's (NTP): X refuses signatures with a wrong time."
    )
    return Finding("clocks", False, found, advice)


def _channel_type(svc: Services) -> Iterator[Finding]:
    """Yield a finding if CCM lacks the channel type. If CCM does not say, yield none."""
    if ensure_channel_type(svc.cim) is ChannelType.MISSING:
        yield Finding(
            "channel type",
            False,
            f"CCM has no channel type {CHANNEL_TYPE}, and did not let the connector create it",
            f"Create the channel type {CHANNEL_TYPE} in CCM as an administrator.",
        )


def _channel(svc: Services, account: Account) -> Iterator[Finding]:
    try:
        known = svc.cim.has_channel(account.id)
    except ConnectorError:
        return  # CCM's own findings say what is wrong
    if not known:
        yield Finding(
            f"account {account.id}",
            False,
            "no channel of CCM has this account as its service identifier",
            f"Create the channel in Unified Admin with the service identifier {account.id}. Until then CCM refuses the "
            "customers' messages.",
        )


def _account(svc: Services, account: Account, state: AccountSnapshot) -> Iterator[Finding]:
    name = f"account {account.id}"
    yield from _channel(svc, account)
    if account.attention:
        yield Finding(name, False, "needs attention", account.attention)
    if advice := svc.spending.attention(account, state.usage):
        yield Finding(name, False, "limit of spending reached", advice)
    for direction, pause in state.pauses.items():
        yield Finding(name, False, f"{direction.word} paused: {pause['reason']}", pause["detail"])
    for endpoint, pause in state.endpoint_pauses.items():
        yield Finding(name, False, f"{endpoint} paused: {pause['reason']}", pause["detail"])
    try:
        registration_status = svc.registration.status(account)
    except StepFailed as error:
        yield Finding(name, False, f"step {error.step} failed", error.advice)
        return
    if account.sends_only:
        return  # what is missing stands in `attention`
    webhook, repair = registration_status.webhook, f"`twitter-connector check {account.id}`"
    if registration_status.works:
        way_in = f"webhook {webhook.id} valid, subscribed" if webhook else f"events by {account.inbound}"
        yield Finding(name, True, f"@{account.screen_name}, {way_in}")
    elif webhook is None and account.needs_webhook:
        yield Finding(name, False, "no webhook at X", f"{repair} registers it again.")
    elif webhook is not None and not webhook.valid:
        yield Finding(name, False, f"webhook {webhook.id} is invalid", f"{repair} has X repeat its challenge.")
    else:
        yield Finding(name, False, "not subscribed", f"{repair} subscribes it again.")


def _tried(what: str, call: Callable[[], object], found: str, advice: str) -> Finding:
    try:
        call()
    except ConnectorError as error:
        return Finding(what, False, error.detail, advice)
    return Finding(what, True, found)


def _reached(http_client: HttpClient, what: str, variable: str, url: str) -> Finding:
    try:
        answer = http_client.exchange("GET", url, seconds=SECONDS)
    except (NotSent, NoAnswer) as error:
        return Finding(what, False, str(error), f"{variable} leads nowhere: correct it, or start what it names.")
    return Finding(what, True, f"answers (HTTP {answer.status})")
