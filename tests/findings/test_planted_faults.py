"""Each fault is named with its object and what to do about it, and a service without faults has no finding."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet

from tests.brokers import Broker, broker_process, inspector, services_of
from tests.loopback import Loopback, Reply, Seen, loopback
from tests.tree import ROOT
from twitter_connector.accounts.registration_steps import RegistrationStatus, StepFailed
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import CredentialsRejected
from twitter_connector.findings.conversations import NOT_OURS
from twitter_connector.findings.finding import Finding, age
from twitter_connector.findings.report import all_findings
from twitter_connector.model.account import Account, Credentials, Remark, Webhook
from twitter_connector.model.subscription import Subscriptions
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import DeadLetter, Direction, Entry
from twitter_connector.queue.wakeups import QUEUES, UPKEEP_QUEUE
from twitter_connector.startup import now

__all__ = ["broker_process", "inspector"]

# Who causes them, in that page.
THEIRS = {"the customer", "the message", "the file"}
ID = "732739706"
CUSTOMER = "210375291"
SECRET = "api-key-secret"
ALL_QUEUES = [*QUEUES.values(), UPKEEP_QUEUE]


@dataclass
class Registration:
    """In place of X's registration calls, which tests/accounts has."""

    status_of: Callable[[Account], RegistrationStatus]

    def status(self, account: Account) -> RegistrationStatus:
        return self.status_of(account)


@dataclass
class Surroundings:
    """A service without faults, with everything that it depends on."""

    services: Services
    account: Account
    client: redis.Redis
    ccm: Loopback
    file_engine: Loopback
    x: Loopback
    public: Loopback
    ccm_answers: dict[str, Reply] = field(default_factory=dict)

    def answer_for_ccm(self, seen: Seen) -> Reply:
        if seen.method == "POST":
            return Reply(403)
        for path, reply in self.ccm_answers.items():
            if seen.path.startswith(path):
                return reply
        if seen.path == "/channel-types":
            return _json([{"name": "TWITTER"}])
        if seen.path.startswith("/channels/service-identifier/"):
            return _json({"serviceIdentifier": ID})
        return Reply(405)

    def registered(self, **changes: Any) -> None:
        """Have X say something else about the registration."""
        status = replace(_working(self.account), **changes)
        self.services = replace(self.services, registration=Registration(lambda account: status))  # type: ignore[arg-type]

    def failing(self, error: Exception) -> None:
        def fail(account: Account) -> RegistrationStatus:
            raise error

        self.services = replace(self.services, registration=Registration(fail))  # type: ignore[arg-type]

    def accept(self, direction: Direction, *, age: timedelta = timedelta()) -> None:
        """Accept one message, and make it that old."""
        self.services.lanes.accept([Entry(direction, ID, CUSTOMER, "dm:1", "{}")])
        key = keys.MESSAGES.format(direction=direction, account=ID, lane=CUSTOMER)
        for member in self.client.hgetall(key):  # type: ignore[union-attr]
            self.client.hset(key, member, f"{epoch_ms(now() - age)} {{}}")

    def dead_letter(self, reason: str, detail: str) -> None:
        letter = DeadLetter(
            "a1", Direction.IN, ID, CUSTOMER, CUSTOMER, "m1", "dm:1", reason, detail, 1, now(), now(), "{}"
        )
        self.services.lanes.accept([letter])

    def findings(self) -> list[Finding]:
        return [finding for finding in all_findings(self.services) if not finding.ok]


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), (("Content-Type", "application/json"),))


def _working(account: Account) -> RegistrationStatus:
    assert account.webhook is not None
    return RegistrationStatus(account, account.webhook, Subscriptions(active=True))


def _challenged(seen: Seen) -> Reply:
    digest = hmac.new(SECRET.encode(), seen.query["crc_token"].encode(), hashlib.sha256).digest()
    return _json({"response_token": "sha256=" + base64.b64encode(digest).decode()})


@pytest.fixture
def around(broker_process: Broker, inspector: redis.Redis) -> Iterator[Surroundings]:
    with loopback() as ccm, loopback() as file_engine, loopback() as x, loopback() as public:
        file_engine.answer = lambda seen: _json({"message": "An error occurred while uploading file."}, 500)
        x.answer = lambda seen: Reply(404)
        public.answer = _challenged
        settings = replace(
            broker_process.settings,
            ccm_url=ccm.url,
            file_engine_url=file_engine.url,
            twitter_api_url=x.url,
            x_api_url=x.url,
        )
        services = services_of(settings)
        url = f"{public.url}/webhook/twitter/{ID}"
        account = Account(
            ID,
            Credentials("api-key", SECRET, "token", "token-secret"),
            url,
            {"environment": "prod"},
            screen_name="acme",
            webhook=Webhook("1234", url, valid=True),
            subscribed=True,
        )
        services.accounts.save(account)
        services.heartbeats.beat("host:1", ALL_QUEUES)
        made = Surroundings(services, account, inspector, ccm, file_engine, x, public)
        ccm.answer = made.answer_for_ccm
        made.registered()
        yield made
        made.services.redis.close()


def test_a_service_without_faults_has_no_finding(around: Surroundings) -> None:
    assert around.findings() == []


def test_what_waits_for_a_moment_and_what_a_customer_caused_are_no_findings(around: Surroundings) -> None:
    around.accept(Direction.IN)
    around.dead_letter("recipient_closed", "The customer does not accept Direct Messages from this account.")
    assert around.findings() == []


def no_worker(a: Surroundings) -> None:
    a.services.heartbeats.forget("host:1")


def unserved_queue(a: Surroundings) -> None:
    a.services.heartbeats.forget("host:1")
    a.services.heartbeats.beat("host:1", [UPKEEP_QUEUE])


def worker_clock(a: Surroundings) -> None:
    a.services.heartbeats.beat("host:1", ALL_QUEUES, -660.0)


def x_clock(a: Surroundings) -> None:
    late = format_datetime(now() - timedelta(minutes=11), usegmt=True)
    a.x.RequestHandlerClass = type("Late", (a.x.RequestHandlerClass,), {"date_time_string": lambda self: late})


def mistyped_variable(a: Surroundings) -> None:
    a.services = replace(a.services, settings=replace(a.services.settings, warnings=("CCM_ULR: is it CCM_URL?",)))


def no_file_engine(a: Surroundings) -> None:
    a.services = replace(a.services, settings=replace(a.services.settings, file_engine_url=None))


def closed(server: Callable[[Surroundings], Loopback]) -> Callable[[Surroundings], None]:
    return lambda a: server(a).stop_listening()


def ccm(path: str, reply: Reply) -> Callable[[Surroundings], None]:
    return lambda a: a.ccm_answers.update({path: reply})


def file_engine(reply: Reply) -> Callable[[Surroundings], None]:
    def plant(a: Surroundings) -> None:
        a.file_engine.answer = lambda seen: reply

    return plant


def attention(a: Surroundings) -> None:
    a.services.accounts.save(replace(a.account, attention="Register the account again."))


def paused(a: Surroundings) -> None:
    until = epoch_ms(now() + timedelta(minutes=10))
    a.services.lanes.pause(Direction.OUT, ID, until, "account_locked", "Log in at twitter.com to unlock it.")


def unreached(a: Surroundings) -> None:
    for _ in range(5):
        a.services.lanes.unreached(Direction.IN, ID)


def gap(a: Surroundings) -> None:
    a.services.accounts.note(ID, gap_since=epoch_ms(now() - timedelta(hours=3)))


def waits_in(a: Surroundings) -> None:
    a.accept(Direction.IN, age=timedelta(minutes=20))


def waits_out(a: Surroundings) -> None:
    a.accept(Direction.OUT, age=timedelta(hours=3))


def waits_paused(a: Surroundings) -> None:
    waits_out(a)
    paused(a)


def letter(a: Surroundings) -> None:
    a.dead_letter("ccm_url_wrong", "Correct CCM_URL, then replay the dead letters.")


def public(reply: Reply) -> Callable[[Surroundings], None]:
    def plant(a: Surroundings) -> None:
        a.public.answer = lambda seen: reply

    return plant


def webhook_gone(a: Surroundings) -> None:
    a.registered(webhook=None)


def webhook_invalid(a: Surroundings) -> None:
    a.registered(webhook=Webhook("1234", a.account.webhook_url, valid=False))


def not_subscribed(a: Surroundings) -> None:
    a.registered(subscriptions=Subscriptions(active=False))


def no_posts(a: Surroundings) -> None:
    remark = Remark("post.mention.create", "X refused the optional subscription post.mention.create: no.", True)
    a.registered(subscriptions=Subscriptions(active=True, remarks=(remark,)))


def credentials(a: Surroundings) -> None:
    a.failing(StepFailed("credentials", "Make a new token.", CredentialsRejected("token_revoked")))


def wrong_key(a: Surroundings) -> None:
    other = Fernet.generate_key().decode()
    a.services = services_of(replace(a.services.settings, credentials_keys=(other,)))


def eviction(a: Surroundings) -> None:
    a.client.config_set("maxmemory-policy", "allkeys-lru")


def no_append_only(a: Surroundings) -> None:
    a.client.config_set("appendonly", "no")


def full_disk(a: Surroundings) -> None:
    a.services = replace(a.services, settings=replace(a.services.settings, var_dir=a.services.settings.var_dir / "no"))


HTML = Reply(200, b"<!doctype html><html>sign in</html>", (("Content-Type", "text/html"),))
NAME = f"account {ID}"
FAULTS: dict[str, tuple[Callable[[Surroundings], None], str, str, str]] = {
    # What is planted: how, the object, what was seen, what to do.
    "no worker": (no_worker, "workers", "0 alive", "twitter-connector worker"),
    "a queue nobody serves": (unserved_queue, "workers", "1 alive", "without -Q"),
    "a worker's clock": (worker_clock, "clocks", "host:1 660 s behind", "NTP"),
    "X's clock": (x_clock, "X", "ahead of X's", "NTP"),
    "a mistyped variable": (mistyped_variable, "environment", "understood", "CCM_URL"),
    "VAR_DIR is gone": (full_disk, "disk", "cannot be read", "VAR_DIR"),
    "an evicting broker": (eviction, "broker safety", "eviction", "noeviction"),
    "no append-only file": (no_append_only, "broker safety", "append", "appendonly"),
    "CCM does not listen": (closed(lambda a: a.ccm), "CCM", "ccm_unreachable", "cannot be reached"),
    "CCM answers 401": (ccm("/", Reply(401)), "CCM", "ccm_refuses_access", "inside the cluster"),
    "CCM takes no messages: 401": (ccm("/message", Reply(401)), "CCM", "ccm_refuses_access", "/ccm/message"),
    "CCM answers 404": (ccm("/", Reply(404)), "CCM", "ccm_url_wrong", "Correct CCM_URL"),
    "CCM answers 503": (ccm("/", Reply(503)), "CCM", "ccm_unavailable", "wait"),
    "CCM takes no messages: 503": (ccm("/message", Reply(503)), "CCM", "ccm_unavailable", "wait"),
    "CCM_URL leads to a page": (ccm("/", HTML), "CCM", "ccm_url_wrong", "Correct CCM_URL"),
    "no channel type": (ccm("/channel-types", _json([])), "channel type", "TWITTER", "as an administrator"),
    "no channel": (ccm("/channels", Reply(404)), NAME, "no channel of CCM", "service identifier"),
    "no file engine": (no_file_engine, "file engine", "not configured", "FILE_ENGINE_URL"),
    "the file engine does not listen": (
        closed(lambda a: a.file_engine), "file engine", "file_engine_unreachable", "cannot be reached",
    ),
    "the file engine answers 401": (
        file_engine(Reply(401)), "file engine", "file_engine_refuses_access", "inside the cluster",
    ),
    "the file engine answers 404": (
        file_engine(Reply(404)), "file engine", "file_engine_url_wrong", "Correct FILE_ENGINE_URL",
    ),
    "the file engine answers 503": (
        file_engine(Reply(503)), "file engine", "file_engine_unavailable", "Check it and FILE_ENGINE_URL.",
    ),
    "FILE_ENGINE_URL leads to a page": (
        file_engine(HTML), "file engine", "file_engine_url_wrong", "Correct FILE_ENGINE_URL; files wait. Messages",
    ),
    "X does not listen": (closed(lambda a: a.x), "X", "refused", "firewall"),
    "a person is needed": (attention, NAME, "needs attention", "Register the account again."),
    "a pause": (paused, NAME, "outbound paused: account_locked", "unlock"),
    "a side that is not reached": (unreached, NAME, "CCM cannot be reached", "CCM_URL"),
    "a gap": (gap, NAME, "of the last 3 h", f"check {ID}"),
    "an event that waits": (waits_in, NAME, "1 conversation waits for CCM, the longest for 20 min", CUSTOMER),
    "a reply that waits": (waits_out, NAME, "1 conversation waits for X, the longest for 3 h", CUSTOMER),
    "a reply that waits for a pause": (waits_paused, NAME, "1 conversation waits for X", "unlock"),
    "a dead letter of ours": (letter, "dead letters", "1: ccm_url_wrong", "Correct CCM_URL"),
    "the public address answers 502": (public(Reply(502)), NAME, "answered HTTP 502", "gateway"),
    "somebody else answers there": (public(_json({})), NAME, "not as this connector would", "gateway"),
    "no webhook": (webhook_gone, NAME, "no webhook at X", f"check {ID}"),
    "an invalid webhook": (webhook_invalid, NAME, "webhook 1234 is invalid", f"check {ID}"),
    "no subscription": (not_subscribed, NAME, "not subscribed", f"check {ID}"),
    "posts that X refuses": (no_posts, NAME, "post.mention.create: no", f"check {ID}"),
    "refused credentials": (credentials, NAME, "step credentials failed", "Make a new token."),
    "another credentials key": (wrong_key, "accounts", "cannot be read", "CREDENTIALS_KEY"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_with_its_object_and_what_to_do(around: Surroundings, name: str) -> None:
    plant, what, detail, advice = FAULTS[name]
    policy, append = (around.client.config_get(n)[n] for n in ("maxmemory-policy", "appendonly"))  # type: ignore[index]
    try:
        plant(around)
        findings = around.findings()
    finally:
        around.client.config_set("maxmemory-policy", policy)
        around.client.config_set("appendonly", append)
    assert [f for f in findings if f.what == what and detail in f.detail and advice in f.advice], findings


@pytest.mark.parametrize(
    ("status", "meanwhile"),
    [(404, "Messages become dead letters meanwhile."), (503, "Check CCM and CCM_URL. Messages wait meanwhile.")],
)
def test_a_ccm_that_takes_no_messages_is_one_finding_that_says_what_becomes_of_them(
    around: Surroundings, status: int, meanwhile: str
) -> None:
    asked: list[str] = []

    def answer(seen: Seen) -> Reply:
        asked.append(seen.path)
        return Reply(status)

    around.ccm.answer = answer
    (finding,) = around.findings()
    assert finding.advice.endswith(meanwhile)
    # If it hung, each question would take ten seconds.
    assert asked == ["/channel-types", "/message/receive"]


def test_an_optional_subscription_that_x_refuses_is_said_but_needs_nobody(around: Surroundings) -> None:
    remark = Remark("chat.received", "X refused the optional subscription chat.received: no.", refused=True)
    around.registered(subscriptions=Subscriptions(active=True, remarks=(remark,)))
    assert around.findings() == []
    assert Finding(NAME, True, remark.sentence) in all_findings(around.services)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_ages_are_words(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_the_reasons_that_nobody_here_can_change_are_those_of_the_operators_page() -> None:
    page = (
        (ROOT / "docs" / "operations.md").read_text("utf-8").partition("### Reasons")[2].partition("\n\nA customer")[0]
    )
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    theirs = {n for reasons, whose in rows if whose.strip() in THEIRS for n in re.findall(r"`(\w+)`", reasons)}
    assert theirs == NOT_OURS
