"""The connector's OAuth 2.0 grants against the sandbox: registered, renewed by one process at a time, never lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet
from sample_files import png
from sandbox_process import CUSTOMER, V2_ACCOUNT, V2_PAIR, Sandbox

from tests.brokers import Broker, broker_process, inspector, services_of, settings_in
from twitter_connector import logs
from twitter_connector.accounts.registration_request import load_registration
from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.bootstrap import Services, described
from twitter_connector.broker import keys
from twitter_connector.broker.line import Line
from twitter_connector.cim.channel_configuration import load_push
from twitter_connector.errors import AWAITS_A_PERSON, CredentialsRejected
from twitter_connector.model.account import Account
from twitter_connector.model.plan import SendDm, SendPost
from twitter_connector.store.account_rows import NAMED_FIELDS
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.resealing import reseal
from twitter_connector.store.token_pairs import TokenPairs
from twitter_connector.store.vault import Vault

__all__ = ["broker_process", "inspector"]

pytestmark = pytest.mark.integration
TOKEN_PATH = r"/2/oauth2/token$"
Replica = Callable[[], Services]


@pytest.fixture
def replica(broker_process: Broker, inspector: Any, sandbox: Sandbox) -> Iterator[Replica]:
    """Makes processes that share one broker and one key."""
    made: list[Services] = []
    inspector.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    url = broker_process.settings.redis_url
    settings = settings_in(
        broker_process.settings.var_dir, REDIS_URL=url, TWITTER_API_URL=sandbox.url, X_API_URL=sandbox.url
    )
    settings = replace(settings, twitter_media_hosts=(sandbox.url.removeprefix("http://"),))

    def start() -> Services:
        made.append(services_of(settings))
        return made[-1]

    yield start
    for services in made:
        services.redis.close()


def body_of(sandbox: Sandbox, *, oauth1: bool = True, **more: Any) -> dict[str, Any]:
    body = {**sandbox.keys(V2_ACCOUNT), "INBOUND": "poll", **sandbox.grant(), **more}
    for key in ("WEBHOOK-URL", *(() if oauth1 else ("ACCESS-TOKEN", "ACCESS-TOKEN-SECRET"))):
        body.pop(key)
    return body


def registered(services: Services, body: dict[str, Any]) -> Account:
    services.registration.register(load_registration(body))
    account = services.accounts.get(V2_ACCOUNT, max_age=0)
    assert account is not None
    return account


def grant_of(sandbox: Sandbox) -> dict[str, Any]:
    grants: list[dict[str, Any]] = sandbox.get("oauth2/grants", account_id=V2_ACCOUNT)["grants"]
    return grants[-1]


def push(services: Services, **attributes: str) -> None:
    rows = [{"key": key.replace("_", "-"), "value": value} for key, value in attributes.items()]
    services.configure.push(load_push({"serviceIdentifier": V2_ACCOUNT, "connectorConfigurations": rows}))


def shown(services: Services) -> dict[str, Any]:
    account = services.accounts.get(V2_ACCOUNT, max_age=0)
    assert account is not None
    return described(services, [account])[0]


def stored(services: Services) -> Account:
    account = services.accounts.get(V2_ACCOUNT, max_age=0)
    assert account is not None
    return account


def say_hello(services: Services) -> None:
    """Send a message as the outbound route does: after a refusal of its token with the one that replaced it."""
    account = stored(services)
    try:
        services.twitter.messages(account).send_dm(CUSTOMER, SendDm("Hello"))
    except CredentialsRejected as error:
        if not services.credentials.newer(account, ask=True):
            raise services.credentials.rejection(account) or error from error
        services.twitter.messages(stored(services)).send_dm(CUSTOMER, SendDm("Hello"))


def test_an_account_with_nothing_but_a_refresh_token_is_registered_and_sends(
    sandbox: Sandbox, replica: Replica
) -> None:
    services = replica()
    body = body_of(sandbox, oauth1=False)
    del body["OAUTH2-ACCESS-TOKEN"]
    assert registered(services, body).screen_name == "northwind"
    say_hello(services)
    assert (grant_of(sandbox)["refreshed"], grant_of(sandbox)["revoked"]) == (1, False)
    services.token_refresh.refresh_due()
    state = shown(services)["token_refresh"]
    assert (state["state"], state["ended_at"], state["next_try_at"]) == ("ok", None, None)
    assert all(state[name] for name in ("refreshed_at", "access_token_until", "grant_until"))


def test_registering_again_with_the_used_refresh_token_goes_on_with_the_newest(
    sandbox: Sandbox, replica: Replica
) -> None:
    services = replica()
    body = body_of(sandbox, oauth1=False)
    del body["OAUTH2-ACCESS-TOKEN"]
    registered(services, body)
    registered(replica(), body)
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    say_hello(services)
    assert grant_of(sandbox)["revoked"] is False


def test_replicas_that_need_a_new_token_at_once_use_the_refresh_token_once(sandbox: Sandbox, replica: Replica) -> None:
    replicas = [replica(), replica()]
    registered(replicas[0], body_of(sandbox, oauth1=False))
    sandbox.post("faults", family="twitter", path=TOKEN_PATH, action="delay", delay=0.3)
    for turn in range(1, 6):
        account, barrier = stored(replicas[0]), threading.Barrier(8)

        def renew(services: Services, account: Account = account, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            return services.token_refresh.renewed(account)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(renew, replicas * 4))
        assert (grant_of(sandbox)["refreshed"], grant_of(sandbox)["revoked"]) == (turn, False)


def test_a_registration_during_a_refresh_brings_no_used_token_back(sandbox: Sandbox, replica: Replica) -> None:
    replicas = [replica(), replica()]
    body = body_of(sandbox, oauth1=False)
    registered(replicas[0], body)
    sandbox.post("faults", family="twitter", path=TOKEN_PATH, action="delay", delay=0.1)
    for _ in range(5):
        account = stored(replicas[0])
        with ThreadPoolExecutor(2) as pool:
            refresh = pool.submit(replicas[0].token_refresh.renewed, account)
            registration = pool.submit(registered, replicas[1], body)
            assert refresh.result()
            assert registration.result().id == V2_ACCOUNT
        say_hello(replicas[1])
    assert grant_of(sandbox)["revoked"] is False


def test_a_token_that_x_ended_early_is_renewed(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    registered(services, body_of(sandbox, oauth1=False))
    for _ in range(3):
        sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
        say_hello(services)
    assert (grant_of(sandbox)["refreshed"], grant_of(sandbox)["revoked"]) == (3, False)


def test_every_call_renews_a_token_that_x_refuses(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    registered(services, body_of(sandbox, oauth1=False))
    for _ in range(2):
        sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
        assert services.twitter.registration(stored(services)).who_am_i()[0] == V2_ACCOUNT
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    assert services.twitter.messages(stored(services)).send_dm(CUSTOMER, SendDm("Hello"))
    assert (grant_of(sandbox)["refreshed"], grant_of(sandbox)["revoked"]) == (3, False)


def test_a_short_lived_token_is_not_refreshed_all_the_time(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    sandbox.post("settings", oauth2_access_seconds=60)
    registered(services, body_of(sandbox, oauth1=False))
    for _ in range(4):
        services.token_refresh.refresh_due()
    assert grant_of(sandbox)["refreshed"] == 1


@pytest.mark.parametrize(
    "fault",
    [{"action": "reset"}, {"action": "answer", "status": 503}, {"action": "answer", "status": 400, "body": "<html>"}],
)
def test_a_refresh_that_fails_at_x_loses_nothing(sandbox: Sandbox, replica: Replica, fault: dict[str, Any]) -> None:
    services = replica()
    registered(services, body_of(sandbox, oauth1=False))
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    sandbox.post("faults", family="twitter", path=TOKEN_PATH, times=2, **fault)
    with pytest.raises(CredentialsRejected) as caught:
        say_hello(services)
    assert caught.value.reason == "credentials_rejected"
    assert shown(services)["token_refresh"]["state"] == "failing"
    say_hello(services)
    assert grant_of(sandbox)["revoked"] is False


def test_a_lost_answer_is_survived_where_x_repeats_it(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    sandbox.post("settings", oauth2_reuse="repeat")
    registered(services, body_of(sandbox, oauth1=False))
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    sandbox.post("faults", family="twitter", path=TOKEN_PATH, action="act_then_reset", times=1)
    say_hello(services)
    assert grant_of(sandbox)["revoked"] is False


def test_where_x_ends_the_grant_replies_wait_for_a_person(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    registered(services, body_of(sandbox, oauth1=False))
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    sandbox.post("faults", family="twitter", path=TOKEN_PATH, action="act_then_reset", times=1)
    with pytest.raises(CredentialsRejected):
        say_hello(services)
    with pytest.raises(CredentialsRejected) as caught:
        say_hello(services)
    assert caught.value.reason == "oauth2_grant_ended"
    assert caught.value.reason in AWAITS_A_PERSON
    assert "twitter-connector authorize" in shown(services)["attention"]
    assert shown(services)["token_refresh"]["state"] == "grant_ended"
    # CCM pushes a new grant: the account goes on.
    push(services, **{k.replace("-", "_"): v for k, v in sandbox.grant().items()})
    say_hello(services)
    services.token_refresh.refresh_due()
    assert shown(services)["attention"] is None
    assert shown(services)["token_refresh"]["state"] == "ok"


def test_a_wrong_client_secret_is_named_as_such(sandbox: Sandbox, replica: Replica) -> None:
    body = body_of(sandbox, oauth1=False, **{"CLIENT-SECRET": "wrong"})
    del body["OAUTH2-ACCESS-TOKEN"]
    with pytest.raises(StepFailed) as caught:
        replica().registration.register(load_registration(body))
    assert (caught.value.step, "CLIENT-SECRET" in caught.value.advice) == ("credentials", True)
    assert grant_of(sandbox)["revoked"] is False


def test_a_seed_that_is_given_again_never_replaces_what_came_after_it(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    body = body_of(sandbox, oauth1=False)
    account = registered(services, body)
    assert services.token_refresh.renewed(account)
    seed = {"CLIENT_ID": body["CLIENT-ID"], "OAUTH2_REFRESH_TOKEN": body["OAUTH2-REFRESH-TOKEN"]}
    push(services, **seed)
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    say_hello(services)
    # Another grant takes its place. CCM, which still has the old seed, and an operator's file change nothing.
    newer = sandbox.grant()
    push(services, OAUTH2_REFRESH_TOKEN=newer["OAUTH2-REFRESH-TOKEN"])
    say_hello(services)
    push(services, **seed)
    assert stored(services).credentials.oauth2_seed == newer["OAUTH2-REFRESH-TOKEN"]
    without = {**sandbox.keys(V2_ACCOUNT), "INBOUND": "poll"}
    registered(services, without)
    assert stored(services).credentials.oauth2_seed == newer["OAUTH2-REFRESH-TOKEN"]
    assert services.token_refresh.renewed(stored(services))
    assert all(not grant["revoked"] for grant in sandbox.get("oauth2/grants", account_id=V2_ACCOUNT)["grants"])


def test_a_customers_picture_comes_by_api_v2_with_the_grant(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    account = registered(services, body_of(sandbox))
    url, media_id = picture(sandbox)
    with services.media_transfer.downloads.open(url, account.credentials, ceiling=10_000_000) as stream:
        assert b"".join(stream.chunks)
    paths = [record["path"] for record in sandbox.get("requests/recorded")["requests"]]
    assert any("/2/dm_conversations/media/" in path and media_id in path for path in paths)


def test_without_a_working_grant_the_picture_is_signed_for(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    account = registered(services, body_of(sandbox))
    url, _ = picture(sandbox)
    sandbox.post("oauth2/expire", account_id=V2_ACCOUNT)
    with services.media_transfer.downloads.open(url, account.credentials, ceiling=10_000_000) as stream:
        assert b"".join(stream.chunks)


def test_unregistering_forgets_the_tokens(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    account = registered(services, body_of(sandbox, oauth1=False))
    services.token_refresh.renewed(account)
    assert services.redis.hlen(keys.TOKEN_PAIRS) == 1
    services.registration.unregister(account)
    assert services.redis.hlen(keys.TOKEN_PAIRS) == 0


def test_tokens_survive_a_change_of_the_key_that_seals_them(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    account = registered(services, body_of(sandbox, oauth1=False))
    services.token_refresh.renewed(account)
    old = services.settings.credentials_keys or (services.settings.var_dir / "credentials.key").read_text().split()
    new = Fernet.generate_key().decode()
    reseal(services.redis, Vault([new, *old]))
    try:
        pair = TokenPairs(services.redis, Vault([new]), Line(services.redis, patient=True)).of(
            account.credentials.oauth2_seed
        )
        assert pair is not None
        assert pair.refresh_token == stored_with(services, Vault([new])).credentials.oauth2_refresh_token
    finally:
        reseal(services.redis, Vault([*old, new]))


def stored_with(services: Services, vault: Vault) -> Account:
    account = Accounts(services.redis, vault).get(V2_ACCOUNT)
    assert account is not None
    return account


def test_no_token_is_logged_or_stored_readably(
    sandbox: Sandbox, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    services = replica()
    with caplog.at_level(logging.DEBUG):
        body = body_of(sandbox, oauth1=False)
        account = registered(services, body)
        services.token_refresh.renewed(account)
    pair = services.pairs.of(body["OAUTH2-REFRESH-TOKEN"])
    assert pair is not None
    written = f"{caplog.text}{account!r}{pair!r}{services.redis.hgetall(keys.TOKEN_PAIRS)}{shown(services)}"
    for secret in (pair.access_token, pair.refresh_token, body["OAUTH2-REFRESH-TOKEN"], body["CLIENT-SECRET"]):
        assert secret not in written
        # Not even where a library puts it into a log line.
        assert secret not in logs._redaction.redact(f"a library wrote {secret} here")


def picture(sandbox: Sandbox) -> tuple[str, str]:
    """Let the customer send a picture. Return its address and its media id."""
    files = {"media_file": ("photo.png", png(), "image/png")}
    sent = sandbox.http.post(f"{sandbox.url}/_sandbox/customer/messages", data=V2_PAIR, files=files, timeout=10)
    assert sent.status_code < 300, sent.text
    query = {"expansions": "attachments.media_keys", "media.fields": "url"}
    url = sandbox.as_user("GET", "/2/dm_events", params=query).json()["includes"]["media"][0]["url"]
    return url, url.split("/")[-2]


def test_an_account_whose_grant_is_not_good_for_posts_says_so_until_it_is(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    registered(services, {**body_of(sandbox, oauth1=False), "POSTS": "all"})
    state, verifier, here = "s-1", "v" * 43, "http://127.0.0.1/callback"

    def authorized(*, posts: bool) -> None:
        """The owner opens the link and authorizes the app."""
        account = stored(services)
        link = services.oauth2.link(account.credentials.client_id, here, state, verifier, posts=posts)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        address, form = f"{sandbox.url}/i/oauth2/authorize", {**asked, "account_id": V2_ACCOUNT, "decision": "allow"}
        back = sandbox.http.post(address, data=form, timeout=10, allow_redirects=False).headers["Location"]
        (code,) = parse_qs(urlsplit(back).query)["code"]
        services.oauth2_sign_in.finish(account, account.credentials, code, here, verifier)
        services.token_refresh.refresh_due()

    authorized(posts=False)
    attention = shown(services)["attention"]
    assert "lacks tweet.write, tweet.moderate.write, like.write for public posts" in attention
    assert f"twitter-connector authorize --posts {V2_ACCOUNT}" in attention
    authorized(posts=True)
    assert shown(services)["attention"] is None
    mention = sandbox.post("customer/posts", customer_id=CUSTOMER, text="@northwind help")
    posts = services.twitter.posts(stored(services))
    posts.like(mention["id"])
    assert posts.send(SendPost("Here we are", in_reply_to=mention["id"]))


def test_a_pushed_choice_of_posts_changes_our_subscriptions_and_no_others(sandbox: Sandbox, replica: Replica) -> None:
    services = replica()
    registered(services, {**body_of(sandbox), "INBOUND": "stream"})
    of_another = {"event_type": "post.create", "tag": "another tool", "filter": {"user_id": V2_ACCOUNT}}
    assert sandbox.as_app("POST", "/2/activity/subscriptions", json=of_another).status_code < 300

    def subscribed() -> set[str]:
        rows = sandbox.as_app("GET", "/2/activity/subscriptions").json()["data"]
        return {row["event_type"] for row in rows}

    before = subscribed()
    for mode, events in (
        ("mentions", {"post.mention.create", "post.delete"}),
        ("all", {"post.mention.create", "post.reply.create", "post.delete"}),
        ("replies", {"post.reply.create", "post.delete"}),
        ("off", set()),
    ):
        push(services, POSTS=mode)
        services.upkeep.check_due()
        assert subscribed() - before == events
        assert subscribed() >= before
