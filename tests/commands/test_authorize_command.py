"""`authorize`: which scopes its link asks for."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import redis

from tests.brokers import Broker
from tests.commands.printed import result_of
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.account import V2, Account, Credentials
from twitter_connector.model.oauth2 import POST_SCOPES
from twitter_connector.store.account_rows import NAMED_FIELDS

ID = "732739706"


@pytest.mark.parametrize(
    ("chosen", "options", "asked"),
    [("off", [], False), ("off", ["--posts"], True), ("mentions", [], True), ("all", ["--posts"], True)],
)
def test_the_link_asks_for_the_scopes_of_posts_with_posts_or_for_an_account_that_takes_them_in(
    broker_process: Broker,
    services: Services,
    inspector: redis.Redis,
    chosen: str,
    options: list[str],
    asked: bool,
) -> None:
    inspector.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    credentials = Credentials("key", "secret", "", "", client_id="client")
    settings = {"inbound": "poll", "posts": chosen}
    services.accounts.save(Account(ID, credentials, "", flavour=V2, settings=settings))
    lines = result_of(broker_process, "authorize", ID, *options).output.splitlines()
    (link,) = (line for line in lines if "/i/oauth2/authorize?" in line)
    scopes = parse_qs(urlsplit(link).query)["scope"][0].split()
    assert [scope for scope in scopes if scope in POST_SCOPES] == (list(POST_SCOPES) if asked else [])
