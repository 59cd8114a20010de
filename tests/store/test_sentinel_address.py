"""REDIS_URL with sentinels: what it means, for our client and for Celery, and what of it is shown."""

from __future__ import annotations

import json

import kombu
import pytest

from twitter_connector.broker.connection import connect
from twitter_connector.broker.primary_only import SentinelTlsConnection
from twitter_connector.config import BadSetting, Settings
from twitter_connector.model.sentinel_address import parse
from twitter_connector.queue.wakeups import celery_app

URL = "rediss+sentinel://ada:a%2Fb%40c@one:26380,two,[::1]:5/my%2Fmaster/3?ssl_ca_certs=/ca.pem"


def test_an_address_has_all_sentinels_and_the_servers_login() -> None:
    address = parse(URL)
    assert address.sentinels == (("one", 26380), ("two", 26379), ("::1", 5))
    assert (address.service, address.database, address.tls) == ("my/master", 3, True)
    assert address.server_url == "rediss://ada:a%2Fb%40c@one:26380/3?ssl_ca_certs=%2Fca.pem"
    # A sentinel without a password accepts any of the user `default`.
    assert (address.sentinel_username, address.sentinel_password) == ("default", "a/b@c")
    bare = parse("redis+sentinel://one/acme")
    assert (bare.database, bare.sentinel_username, bare.sentinel_password) == (0, "", "")
    other = parse("redis+sentinel://:x@one/acme?sentinel_username=eve&sentinel_password=y%2Fz")
    assert (other.sentinel_username, other.sentinel_password) == ("eve", "y/z")


def test_the_store_speaks_tls_with_servers_and_sentinels() -> None:
    with connect(URL, patient=False) as client:
        pool = client.connection_pool
        assert pool.connection_class is SentinelTlsConnection
        login = {name: pool.connection_kwargs[name] for name in ("username", "password", "db", "ssl_ca_certs")}
        assert login == {"username": "ada", "password": "a/b@c", "db": 3, "ssl_ca_certs": "/ca.pem"}
        (first, *_) = pool.sentinel_manager.sentinels
        asked = first.connection_pool.connection_kwargs
        assert (asked["host"], asked["password"], asked["ssl_ca_certs"]) == ("one", "a/b@c", "/ca.pem")


def test_what_celery_shows_of_its_connection_has_no_password() -> None:
    settings = Settings.from_env({"SANDBOX": "1", "REDIS_URL": URL})
    with celery_app(settings, patient=False) as app, app.connection_for_read() as connection:
        assert connection.as_uri() == "sentinel://:**@one:26380/3"
        shown = kombu.utils.json.dumps(connection.info())
        assert json.loads(shown)["transport_options"]["master_name"] == "my/master"
        for secret in ("a/b@c", "a%2Fb%40c"):
            assert secret not in shown
            assert secret not in repr(connection.info())


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379",
        "redis+sentinel://one:26379/",
        "redis+sentinel://:geheim/12@one:26379/acme",
        "redis+sentinel://:geheim@one:99999/acme/0",
        "redis+sentinel://:geheim@one,/acme/0",
        "redis+sentinel://:geheim@one/acme/zero",
    ],
)
def test_a_url_that_is_none_is_named_without_a_part_of_it(url: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.from_env({"SANDBOX": "1", "REDIS_URL": url})
    assert str(caught.value).startswith("REDIS_URL: redis+sentinel://[user:password@]host:port,")
    assert "geheim" not in str(caught.value)
