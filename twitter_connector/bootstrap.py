"""Composition root: Settings -> Services. The only place that constructs HTTP and Redis clients."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import redis

from twitter_connector import logs
from twitter_connector.accounts.credentials import Configure
from twitter_connector.accounts.credentials_check import CredentialsCheck
from twitter_connector.accounts.registration import AccountRegistration
from twitter_connector.accounts.send_only import SendOnlyAccounts
from twitter_connector.accounts.webhook_check import Upkeep
from twitter_connector.broker.connection import Line, connect
from twitter_connector.cim.client import CcmClient
from twitter_connector.cim.files import Files
from twitter_connector.config import Settings
from twitter_connector.delivery.concurrency import places
from twitter_connector.delivery.limits import Endpoints
from twitter_connector.delivery.media import MediaTransfer
from twitter_connector.media.spool import spool
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.public_fetch import Fetcher
from twitter_connector.queue.accept import Inbox
from twitter_connector.queue.dead_letters import DeadLetters
from twitter_connector.queue.journal import Journal
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.send_ledger import SendLedger
from twitter_connector.queue.wakeups import Wakeups, celery_app
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.conversations import Conversations
from twitter_connector.store.enquiries import Enquiries
from twitter_connector.store.heartbeats import Heartbeats
from twitter_connector.store.locks import Locks
from twitter_connector.store.rate_limits import RateLimits
from twitter_connector.store.resealing import verify_key
from twitter_connector.store.vault import Vault, keys_of
from twitter_connector.twitter.chunked_upload import Outgoing
from twitter_connector.twitter.flavours import Flavours
from twitter_connector.twitter.media_download import Downloads
from twitter_connector.twitter.own_challenge import OwnChallenge

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """The edges and use cases of one process."""

    settings: Settings
    redis: redis.Redis
    vault: Vault
    http_client: HttpClient
    lanes: Lanes
    inbox: Inbox
    ledger: SendLedger
    conversations: Conversations
    media_transfer: MediaTransfer
    accounts: Accounts
    dead_letters: DeadLetters
    rate_limits: RateLimits
    heartbeats: Heartbeats
    locks: Locks
    twitter: Flavours
    cim: CcmClient
    registration: AccountRegistration
    configure: Configure
    credentials: CredentialsCheck
    endpoints: Endpoints
    send_only_account: SendOnlyAccounts
    upkeep: Upkeep
    wakeups: Wakeups


def _media_transfer(
    settings: Settings, http_client: HttpClient, twitter: Flavours, credentials: CredentialsCheck, endpoints: Endpoints
) -> MediaTransfer:
    directory = spool_directory(settings)
    return MediaTransfer(
        downloads=Downloads(http_client, settings.twitter_media_hosts, now),
        files=Files(http_client, settings.file_engine_url, settings.public_file_engine_url, now),
        # The sandbox plays the public on loopback; nowhere else is an address of this machine a public one.
        fetcher=Fetcher(allow_loopback=settings.use_sandbox),
        uploads=twitter.media,
        spool=lambda chunks, ceiling: spool(chunks, ceiling, directory),
        outgoing=Outgoing,
        credentials=credentials,
        endpoints=endpoints,
    )


def spool_directory(settings: Settings) -> Path:
    """Return where files lie while they pass through."""
    return settings.var_dir / "spool"


def now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def start_logging(settings: Settings, *, level: str | None = None, file: str | None = None) -> None:
    """Set up this process's log, and log a warning for each variable that has no effect.

    level, file: from a command line; they win over the settings.
    """
    logs.configure(level or settings.log_level, settings.log_format, file)
    for warning in settings.warnings:
        log.warning("variable_has_no_effect", extra={"detail": warning})


def check_key(settings: Settings, *, patient: bool) -> None:
    """Return where the credentials key opens what is stored. Raises Permanent saying what to do where it does not, and
    StoreUnavailable."""
    vault = Vault(keys_of(settings.credentials_keys, settings.var_dir))
    with connect(settings.redis_url, patient=patient) as client:
        verify_key(client, vault)


def living_workers(settings: Settings) -> list[str]:
    """Return the names of the living workers, "host:pid" each. Builds no services. Raises StoreUnavailable."""
    with connect(settings.redis_url, patient=False) as client:
        return Heartbeats(client).workers()


def build_services(settings: Settings, *, patient: bool = False, wakeups: Wakeups | None = None) -> Services:
    """Return the services of a process. Nothing connects before it is used.

    patient: for workers, which may wait for a broker that is away for a moment. wakeups: in place of Celery tasks.
    """
    keys = keys_of(settings.credentials_keys, settings.var_dir)
    logs.hide("settings", *keys, *settings.api_tokens)
    client = connect(settings.redis_url, patient=patient)
    vault = Vault(keys)
    accounts = Accounts(client, vault)
    line = Line(client, patient=patient)
    wakeups = wakeups or Wakeups(celery_app(settings, patient=patient))
    lanes = Lanes(client, line, wakeups)
    http_client = HttpClient()
    rate_limits = RateLimits(client)
    locks = Locks(client)
    twitter = Flavours(http_client, settings, now, rate_limits.note)
    assert settings.ccm_url is not None  # from_env puts the sandbox's in its place
    registration = AccountRegistration(
        accounts,
        lanes,
        locks,
        twitter.registration,
        OwnChallenge(http_client),
        lambda account: twitter.of(account).can,
        now,
    )
    inbox = Inbox(lanes, Journal(settings.var_dir / "journal"))
    upkeep = Upkeep(accounts, accounts, registration, inbox, twitter.messages, now, random.random)
    cim = CcmClient(http_client, settings.ccm_url, now)
    enquiries = Enquiries(client)
    configure = Configure(accounts, lanes, enquiries, cim.configuration)
    credentials = CredentialsCheck(lanes.pauses, twitter.registration, configure.newer, now, random.random)
    endpoints = Endpoints(now, *places(settings.worker_concurrency))
    return Services(
        settings=settings,
        redis=client,
        vault=vault,
        http_client=http_client,
        lanes=lanes,
        inbox=inbox,
        ledger=SendLedger(client, line),
        conversations=Conversations(client),
        media_transfer=_media_transfer(settings, http_client, twitter, credentials, endpoints),
        accounts=accounts,
        dead_letters=DeadLetters(client),
        rate_limits=rate_limits,
        heartbeats=Heartbeats(client),
        locks=locks,
        twitter=twitter,
        cim=cim,
        registration=registration,
        configure=configure,
        credentials=credentials,
        endpoints=endpoints,
        send_only_account=SendOnlyAccounts(accounts, enquiries, cim.configuration, twitter.registration, now),
        upkeep=upkeep,
        wakeups=wakeups,
    )
