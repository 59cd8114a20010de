"""Composition root: Settings -> Services. The only place that constructs HTTP and Redis clients."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import redis

from twitter_connector import logs
from twitter_connector.accounts.credentials import Configure
from twitter_connector.accounts.refused_media import RefusedFile
from twitter_connector.accounts.registration import Onboard
from twitter_connector.accounts.send_only import Adopt
from twitter_connector.accounts.webhook_check import Upkeep
from twitter_connector.broker.connection import Line, connect
from twitter_connector.cim.client import CimGateway
from twitter_connector.cim.files import Files
from twitter_connector.config import Settings
from twitter_connector.delivery.media import Attachments
from twitter_connector.media.spool import spool
from twitter_connector.net.http_client import Wire
from twitter_connector.net.public_fetch import Fetcher
from twitter_connector.queue.accept import Inbox
from twitter_connector.queue.dead_letters import DeadLetters
from twitter_connector.queue.journal import Journal
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.send_ledger import Ledger
from twitter_connector.queue.wakeups import Bell, celery_app
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.conversations import Questions
from twitter_connector.store.enquiries import Channel
from twitter_connector.store.heartbeats import Pulse
from twitter_connector.store.locks import Chores
from twitter_connector.store.rate_limits import Budgets
from twitter_connector.store.resealing import verify_key
from twitter_connector.store.vault import Vault, keys_of
from twitter_connector.twitter.chunked_upload import Outgoing
from twitter_connector.twitter.flavours import Gateways
from twitter_connector.twitter.http import TwitterHttp
from twitter_connector.twitter.media_download import Downloads
from twitter_connector.twitter.v1.media import Uploads


@dataclass(frozen=True)
class Services:
    """The edges and use cases of one process."""

    settings: Settings
    redis: redis.Redis
    wire: Wire
    lanes: Lanes
    inbox: Inbox
    ledger: Ledger
    questions: Questions
    attachments: Attachments
    accounts: Accounts
    dead_letters: DeadLetters
    budgets: Budgets
    pulse: Pulse
    chores: Chores
    twitter: Gateways
    cim: CimGateway
    onboard: Onboard
    configure: Configure
    adopt: Adopt
    upkeep: Upkeep
    bell: Bell


def _attachments(settings: Settings, wire: Wire, refused_file: RefusedFile) -> Attachments:
    directory = spool_directory(settings)
    uploads = Uploads(wire, settings.twitter_upload_url, now)
    return Attachments(
        downloads=Downloads(wire, settings.twitter_media_hosts, now),
        files=Files(wire, settings.file_engine_url, settings.public_file_engine_url),
        # The sandbox plays the public on loopback; nowhere else is an address of this machine a public one.
        fetcher=Fetcher(allow_loopback=settings.use_sandbox),
        uploads=lambda account: uploads,
        spool=lambda chunks, ceiling: spool(chunks, ceiling, directory),
        outgoing=Outgoing,
        judge=refused_file.judge,
    )


def spool_directory(settings: Settings) -> Path:
    """Return where files lie while they pass through."""
    return settings.var_dir / "spool"


def now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def check_key(settings: Settings, *, patient: bool) -> None:
    """Return where the credentials key opens what is stored. Raises Permanent saying what to do where it does not, and
    StoreUnavailable."""
    vault = Vault(keys_of(settings.credentials_keys, settings.var_dir))
    with connect(settings.redis_url, patient=patient) as client:
        verify_key(client, vault)


def build_services(settings: Settings, *, patient: bool = False) -> Services:
    """Return the services of a process. Nothing connects before it is used.

    patient: for workers, which may wait for a broker that is away for a moment.
    """
    keys = keys_of(settings.credentials_keys, settings.var_dir)
    logs.hide(*keys, *settings.api_tokens)
    client = connect(settings.redis_url, patient=patient)
    accounts = Accounts(client, Vault(keys))
    line = Line(client, patient=patient)
    lanes = Lanes(client, line)
    bell = Bell(celery_app(settings, patient=patient))
    wire = Wire()
    budgets = Budgets(client)
    twitter = Gateways(TwitterHttp(wire, now), settings.twitter_api_url, budgets.note)
    assert settings.ccm_url is not None  # from_env puts the sandbox's in its place
    onboard = Onboard(accounts, lanes, twitter.for_registration, now, settings.public_url)
    inbox = Inbox(lanes, Journal(settings.var_dir / "journal"), bell.ring)
    upkeep = Upkeep(accounts, accounts, onboard, inbox, twitter.for_account, bell.ring, now, random.random)
    cim = CimGateway(wire, settings.ccm_url, now)
    channel = Channel(client)
    configure = Configure(accounts, lanes, channel, cim.configuration, bell.ring)
    refused_file = RefusedFile(lanes.pauses, twitter.for_registration, configure.refused, now, random.random)
    return Services(
        settings=settings,
        redis=client,
        wire=wire,
        lanes=lanes,
        inbox=inbox,
        ledger=Ledger(client, line),
        questions=Questions(client),
        attachments=_attachments(settings, wire, refused_file),
        accounts=accounts,
        dead_letters=DeadLetters(client),
        budgets=budgets,
        pulse=Pulse(client),
        chores=Chores(client),
        twitter=twitter,
        cim=cim,
        onboard=onboard,
        configure=configure,
        adopt=Adopt(accounts, channel, cim.configuration, twitter.for_registration, now),
        upkeep=upkeep,
        bell=bell,
    )
