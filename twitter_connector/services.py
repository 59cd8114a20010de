"""Composition root: Settings -> Services. The only place that constructs HTTP and Redis clients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from twitter_connector import logs
from twitter_connector.cim.gateway import CimGateway
from twitter_connector.config import Settings
from twitter_connector.dispatch import Bell, celery_app
from twitter_connector.relay.onboard import Onboard
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.connection import Line, connect
from twitter_connector.store.dead_letters import DeadLetters
from twitter_connector.store.lanes import Lanes
from twitter_connector.store.ledger import Ledger
from twitter_connector.store.pulse import Pulse
from twitter_connector.store.vault import Vault, keys_of
from twitter_connector.twitter.http import TwitterHttp
from twitter_connector.twitter.select import Gateways
from twitter_connector.wire import Wire


@dataclass(frozen=True)
class Services:
    """The edges and use cases of one process."""

    settings: Settings
    redis: redis.Redis
    lanes: Lanes
    ledger: Ledger
    accounts: Accounts
    dead_letters: DeadLetters
    pulse: Pulse
    twitter: Gateways
    cim: CimGateway
    onboard: Onboard
    bell: Bell


def now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def build_services(settings: Settings, *, patient: bool = False) -> Services:
    """Return the services of a process. Nothing connects before it is used.

    patient: for workers and the command line, which may wait for a broker that is away for a moment.
    """
    keys = keys_of(settings.credentials_keys, settings.var_dir)
    logs.hide(*keys, *settings.api_tokens)
    client = connect(settings.redis_url, patient=patient)
    accounts = Accounts(client, Vault(keys))
    line = Line(client, patient=patient)
    lanes = Lanes(client, line)
    wire = Wire()
    twitter = Gateways(TwitterHttp(wire, now), settings.twitter_api_url)
    assert settings.ccm_url is not None  # from_env puts the sandbox's in its place
    return Services(
        settings=settings,
        redis=client,
        lanes=lanes,
        ledger=Ledger(client, line),
        accounts=accounts,
        dead_letters=DeadLetters(client),
        pulse=Pulse(client),
        twitter=twitter,
        cim=CimGateway(wire, settings.ccm_url, now),
        onboard=Onboard(accounts, lanes, twitter.for_registration, now, settings.public_url),
        bell=Bell(celery_app(settings, patient=patient)),
    )
