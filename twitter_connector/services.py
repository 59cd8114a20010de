"""Composition root: Settings -> Services. The only place that constructs HTTP and Redis clients."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import redis

from twitter_connector import logs
from twitter_connector.cim.files import Files
from twitter_connector.cim.gateway import CimGateway
from twitter_connector.config import Settings
from twitter_connector.dispatch import Bell, celery_app
from twitter_connector.media.fetch import Fetcher
from twitter_connector.media.spool import spool
from twitter_connector.relay.adopt import Adopt
from twitter_connector.relay.attachments import Attachments
from twitter_connector.relay.configure import Configure
from twitter_connector.relay.onboard import Onboard
from twitter_connector.relay.refused_file import RefusedFile
from twitter_connector.relay.upkeep import Upkeep
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.budgets import Budgets
from twitter_connector.store.channel import Channel
from twitter_connector.store.chores import Chores
from twitter_connector.store.connection import Line, connect
from twitter_connector.store.dead_letters import DeadLetters
from twitter_connector.store.inbox import Inbox
from twitter_connector.store.journal import Journal
from twitter_connector.store.lanes import Lanes
from twitter_connector.store.ledger import Ledger
from twitter_connector.store.pulse import Pulse
from twitter_connector.store.questions import Questions
from twitter_connector.store.sealing import verify_key
from twitter_connector.store.vault import Vault, keys_of
from twitter_connector.twitter.downloads import Downloads
from twitter_connector.twitter.http import TwitterHttp
from twitter_connector.twitter.outgoing import Outgoing
from twitter_connector.twitter.select import Gateways
from twitter_connector.twitter.uploads import Uploads
from twitter_connector.wire import Wire


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
