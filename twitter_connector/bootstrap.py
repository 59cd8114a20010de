"""Builds the clients and use cases of web, worker and command line. Only here are HTTP and Redis clients built."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import redis

from twitter_connector import logs
from twitter_connector.accounts.backfill import Backfill
from twitter_connector.accounts.chat_backfill import ChatBackfill
from twitter_connector.accounts.credentials import Configure
from twitter_connector.accounts.credentials_check import CredentialsCheck
from twitter_connector.accounts.events_arrive import events_arrive
from twitter_connector.accounts.mention_polling import MentionPolling
from twitter_connector.accounts.notifications import Notifications
from twitter_connector.accounts.oauth2_sign_in import OAuth2SignIn
from twitter_connector.accounts.polling import Polling
from twitter_connector.accounts.posts_choice import PostsChoice
from twitter_connector.accounts.readers import Readers
from twitter_connector.accounts.refused_token import renewed_credentials, renewing
from twitter_connector.accounts.registration import AccountRegistration
from twitter_connector.accounts.replay import Replays
from twitter_connector.accounts.send_only import SendOnlyAccounts
from twitter_connector.accounts.spending import Limit, Spending
from twitter_connector.accounts.streaming import Streaming
from twitter_connector.accounts.token_refresh import TokenRefresh
from twitter_connector.accounts.webhook_check import Upkeep
from twitter_connector.broker.connection import connect
from twitter_connector.broker.keys import ACCOUNT_CHANGES
from twitter_connector.broker.line import Line
from twitter_connector.broker.replicas import Replicas
from twitter_connector.broker.safety import BrokerSafety
from twitter_connector.broker.subscription import Subscription
from twitter_connector.cim.client import CcmClient
from twitter_connector.cim.files import Files
from twitter_connector.config import Settings
from twitter_connector.delivery.app_share import AppShare
from twitter_connector.delivery.chat_inbound import ChatInbound
from twitter_connector.delivery.chat_outbound import CHAT_CAN, ChatOutbound
from twitter_connector.delivery.concurrency import Concurrency, places
from twitter_connector.delivery.consumer import Consumer, Route
from twitter_connector.delivery.customer_names import CustomerNames
from twitter_connector.delivery.inbound import InboundRoute
from twitter_connector.delivery.lease_renewal import LeaseRenewal
from twitter_connector.delivery.limits import Endpoints
from twitter_connector.delivery.listener import Listener
from twitter_connector.delivery.media import MediaTransfer
from twitter_connector.delivery.outbound import OutboundRoute
from twitter_connector.delivery.posts_inbound import PostsInbound
from twitter_connector.delivery.retry_policy import RetryPolicy
from twitter_connector.delivery.typing import TypingDelivery
from twitter_connector.delivery.worker import Worker
from twitter_connector.media.spool import spool
from twitter_connector.model.account import POLL, Account
from twitter_connector.model.work import Direction
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.notify import NotifyUrl
from twitter_connector.net.public_fetch import Fetcher
from twitter_connector.queue.accept import Inbox
from twitter_connector.queue.clock import BrokerClock
from twitter_connector.queue.dead_letters import DeadLetters
from twitter_connector.queue.failovers import Failovers
from twitter_connector.queue.journal import Journal
from twitter_connector.queue.lanes import Lanes
from twitter_connector.queue.message_log import MessageLog
from twitter_connector.queue.send_ledger import SendLedger, SendRecord
from twitter_connector.queue.timings import QueueTimings
from twitter_connector.queue.waiting import WaitingConversations
from twitter_connector.queue.wakeups import CHANNELS, Wakeups, celery_app
from twitter_connector.startup import now, spool_directory
from twitter_connector.store import account_view
from twitter_connector.store.account_history import AccountHistory, RecordedAccounts
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.app_sends import AppSends
from twitter_connector.store.chat_keys import ChatKeyStore
from twitter_connector.store.chat_notices import ChatNotices
from twitter_connector.store.comments import Comments
from twitter_connector.store.conversations import Conversations
from twitter_connector.store.enquiries import Enquiries
from twitter_connector.store.group_work import GroupWork
from twitter_connector.store.heartbeats import Heartbeats
from twitter_connector.store.installation import Installation
from twitter_connector.store.locks import Locks
from twitter_connector.store.logins import Logins
from twitter_connector.store.names import NamesStore
from twitter_connector.store.person_waits import PersonWaits
from twitter_connector.store.rate_limits import RateLimits
from twitter_connector.store.replay_jobs import ReplayJobs
from twitter_connector.store.roads import Roads
from twitter_connector.store.status import Status
from twitter_connector.store.token_pairs import TokenPairs
from twitter_connector.store.trials import Trials
from twitter_connector.store.usage import UsageCounts
from twitter_connector.store.vault import Vault, keys_of
from twitter_connector.twitter.account_messages import AppSend
from twitter_connector.twitter.chunked_upload import Outgoing
from twitter_connector.twitter.flavours import Chats, Flavours
from twitter_connector.twitter.media_download import Downloads
from twitter_connector.twitter.media_sources import MediaSources
from twitter_connector.twitter.oauth2 import OAuth2
from twitter_connector.twitter.own_challenge import OwnChallenge

if TYPE_CHECKING:
    from twitter_connector.tracing.spans import Spans

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """The edges and use cases of one process."""

    settings: Settings
    redis: redis.Redis
    clock: BrokerClock
    failovers: Failovers
    broker_safety: BrokerSafety
    installation: Installation
    vault: Vault
    spans: Spans | None
    http_client: HttpClient
    lanes: Lanes
    inbox: Inbox
    ledger: SendLedger
    conversations: Conversations
    media_transfer: MediaTransfer
    files: Files
    challenge: OwnChallenge
    waiting: WaitingConversations
    logins: Logins
    group_work: GroupWork
    trials: Trials
    notifications: Notifications | None
    accounts: Accounts
    dead_letters: DeadLetters
    message_log: MessageLog
    history: AccountHistory
    rate_limits: RateLimits
    person_waits: PersonWaits
    status: Status
    usage: UsageCounts
    app_sends: AppSends
    replay_jobs: ReplayJobs
    spending: Spending
    heartbeats: Heartbeats
    locks: Locks
    twitter: Flavours
    chat_keys: ChatKeyStore
    chats: Chats
    cim: CcmClient
    registration: AccountRegistration
    configure: Configure
    credentials: CredentialsCheck
    endpoints: Endpoints
    send_only_account: SendOnlyAccounts
    upkeep: Upkeep
    polling: Polling
    mentions: MentionPolling
    posts_choice: PostsChoice
    streaming: Streaming
    oauth2: OAuth2
    oauth2_sign_in: OAuth2SignIn
    pairs: TokenPairs
    token_refresh: TokenRefresh
    wakeups: Wakeups


def _notifications(settings: Settings, http_client: HttpClient, accounts: Accounts) -> Notifications | None:
    if settings.notify_url is None:
        return None
    return Notifications(NotifyUrl(http_client, settings.notify_url), accounts)


def _spans(settings: Settings) -> Spans | None:
    """Return what makes spans, or None if no traces are sent. Without them, OpenTelemetry is never imported."""
    if not settings.traces:
        return None
    from twitter_connector.tracing.spans import Spans

    return Spans([url for url in (settings.ccm_url, settings.file_engine_url) if url])


def _http_client(spans: Spans | None) -> HttpClient:
    if spans is None:
        return HttpClient()
    from twitter_connector.tracing.http_client import TracedHttpClient

    return TracedHttpClient(spans)


def _fetcher(spans: Spans | None, *, allow_loopback: bool, clock: Callable[[], datetime]) -> Fetcher:
    if spans is None:
        return Fetcher(allow_loopback=allow_loopback, clock=clock)
    from twitter_connector.tracing.http_client import TracedFetcher

    return TracedFetcher(spans, allow_loopback=allow_loopback, clock=clock)


def _inbox(lanes: Lanes, journal: Journal, spans: Spans | None) -> Inbox:
    if spans is None:
        return Inbox(lanes, journal)
    from twitter_connector.tracing.inbox import TracedInbox

    return TracedInbox(lanes, journal, spans)


def _media_transfer(
    settings: Settings,
    http_client: HttpClient,
    clock: BrokerClock,
    files: Files,
    twitter: Flavours,
    credentials: CredentialsCheck,
    endpoints: Endpoints,
    chats: Chats,
    spans: Spans | None,
) -> MediaTransfer:
    directory = spool_directory(settings)
    downloads = Downloads(http_client, settings.twitter_media_hosts, clock, x_api_url=settings.x_api_url)
    return MediaTransfer(
        downloads=MediaSources(downloads, chats.downloads()),
        files=files,
        # The sandbox plays the public on loopback; nowhere else is an address of this machine a public one.
        fetcher=_fetcher(spans, allow_loopback=settings.use_sandbox, clock=clock),
        uploads=twitter.media,
        spool=lambda chunks, ceiling: spool(chunks, ceiling, directory),
        outgoing=Outgoing,
        credentials=credentials,
        endpoints=endpoints,
    )


def described(services: Services, accounts: Sequence[Account]) -> list[dict[str, Any]]:
    """Return what may be known of these accounts, see store/account_view.py. Raises StoreUnavailable."""
    snapshots = services.status.snapshot([account.id for account in accounts]).accounts
    loss, spending = services.installation.last, services.spending

    def one(account: Account) -> dict[str, Any]:
        snapshot = snapshots[account.id]
        usage, reached = spending.shown(account, snapshot.usage), spending.attention(account, snapshot.usage)
        return account_view.described(account, snapshot, services.twitter.of(account).can, loss, usage, reached)

    return [one(account) for account in accounts]


def build_services(settings: Settings, *, patient: bool = False, wakeups: Wakeups | None = None) -> Services:
    """Return the services of a process. Nothing connects before it is used.

    patient: for workers, which may wait for a broker that is away for a moment. wakeups: in place of Celery tasks.
    """
    keys = keys_of(settings.credentials_keys, settings.var_dir)
    logs.hide(
        "settings",
        *keys,
        *settings.api_tokens,
        *filter(None, [settings.notify_url, settings.console_oidc_client_secret]),
        *settings.traces_secrets,
    )
    replicas = Replicas(settings.broker_replicas, _count_not_replicated) if settings.broker_replicas else None
    client = connect(settings.redis_url, patient=patient, replicas=replicas)
    vault = Vault(keys)
    line = Line(client, patient=patient, replicas=replicas)
    wakeups = wakeups or Wakeups(celery_app(settings, patient=patient), client)
    clock = BrokerClock(line, now)
    failovers = Failovers(line, clock)
    log_ms = settings.message_log_days * 86_400_000
    timings = QueueTimings(log=log_ms, log_most=settings.message_log_max)
    lanes = Lanes(client, line, wakeups, timings, process_clock=clock)
    accounts = RecordedAccounts(client, vault, now=clock)
    history = accounts.history = AccountHistory(client, settings.message_log_days, clock)
    spans = _spans(settings)
    http_client = _http_client(spans)
    rate_limits = RateLimits(client)
    locks = Locks(client)
    oauth2 = OAuth2(http_client, settings.x_api_url, clock)
    pairs = TokenPairs(client, vault, line)
    token_refresh = TokenRefresh(accounts, accounts, lanes, locks, pairs, oauth2.refresh, clock)
    renewed = renewed_credentials(accounts, token_refresh)
    usage = UsageCounts(client, clock)
    app_sends = AppSends(client, clock)
    spending = Spending(usage, settings.x_prices, settings.usage_soft_limit, settings.usage_hard_limit)
    twitter = Flavours(http_client, settings, clock, rate_limits.note, renewed, usage.note, _app_send(app_sends))
    chat_keys = ChatKeyStore(client, vault)
    chats = twitter.chats(chat_keys)
    assert settings.ccm_url is not None  # from_env puts the sandbox's in its place
    inbox = _inbox(lanes, Journal(settings.var_dir / "journal", on=settings.journal == "on"), spans)
    replay_jobs = ReplayJobs(client)
    replays = Replays(replay_jobs, twitter.replay, clock)
    backfill = Backfill(
        accounts, inbox, twitter.messages, clock, lanes.endpoint_pauses, spending.limit, replays, history.add
    )
    backfill.service_ahead = twitter.x_clock.service_ahead
    backfill.chats = ChatBackfill(
        accounts,
        inbox,
        chats.history,
        chat_keys.has_keys,
        clock,
        lambda account: spending.limit(account) is not Limit.HARD,
        history.add,
    )
    challenge = OwnChallenge(http_client)
    registration = AccountRegistration(
        accounts,
        lanes,
        locks,
        twitter.registration,
        challenge,
        twitter.can,
        twitter.posts,
        clock,
        read_back=backfill.read,
        begun=token_refresh.begun,
        pairs=pairs,
    )
    # A check comes again in a minute: it waits for no registration.
    upkeep = Upkeep(accounts, replace(registration, wait_seconds=0.0), backfill, clock, random.random)
    cim = CcmClient(http_client, settings.ccm_url, clock)
    enquiries = Enquiries(client)
    configure = Configure(accounts, lanes, enquiries, cim.configuration, clock, pairs)
    newer = renewing(configure.newer, token_refresh)
    credentials = CredentialsCheck(lanes.pauses, twitter.registration, newer, clock, random.random, token_refresh.ended)
    endpoints = Endpoints(clock, lanes.endpoint_pauses, *places(settings.worker_concurrency))
    files = Files(http_client, settings.file_engine_url, settings.public_file_engine_url, clock)
    return Services(
        settings=settings,
        files=files,
        challenge=challenge,
        waiting=WaitingConversations(client),
        logins=Logins(client),
        group_work=GroupWork(client),
        trials=Trials(client, vault),
        notifications=_notifications(settings, http_client, accounts),
        redis=client,
        clock=clock,
        failovers=failovers,
        installation=Installation(client, settings.var_dir, clock),
        broker_safety=BrokerSafety(client, allow_eviction=settings.broker_eviction == "allow"),
        vault=vault,
        spans=spans,
        http_client=http_client,
        lanes=lanes,
        inbox=inbox,
        ledger=SendLedger(client, line, clock),
        conversations=Conversations(client),
        media_transfer=_media_transfer(
            settings, http_client, clock, files, twitter, credentials, endpoints, chats, spans
        ),
        accounts=accounts,
        dead_letters=DeadLetters(client),
        message_log=MessageLog(client),
        history=history,
        rate_limits=rate_limits,
        person_waits=PersonWaits(accounts),
        status=Status(client, clock.last_known),
        usage=usage,
        app_sends=app_sends,
        replay_jobs=replay_jobs,
        spending=spending,
        heartbeats=Heartbeats(client, clock.measured),
        locks=locks,
        twitter=twitter,
        chat_keys=chat_keys,
        chats=chats,
        cim=cim,
        registration=registration,
        configure=configure,
        credentials=credentials,
        endpoints=endpoints,
        send_only_account=SendOnlyAccounts(accounts, enquiries, cim.configuration, twitter.registration, clock),
        upkeep=upkeep,
        mentions=MentionPolling(accounts, accounts, locks, inbox, twitter.posts, clock, _count_event, spending.limit),
        posts_choice=PostsChoice(accounts, registration, twitter.posts, clock),
        polling=Polling(accounts, accounts, locks, inbox, twitter.lookups, clock, _count_event, spending.limit),
        oauth2=oauth2,
        oauth2_sign_in=OAuth2SignIn(accounts, lanes, pairs, oauth2.redeem, twitter.registration),
        pairs=pairs,
        token_refresh=token_refresh,
        streaming=Streaming(
            accounts,
            accounts,
            locks,
            inbox,
            twitter.stream,
            twitter.raw_events,
            lambda account: backfill.read(account, at_once=True),
            clock,
            count=_count_event,
        ),
        wakeups=wakeups,
    )


def _count_not_replicated() -> None:
    # Not at the top, see _count_event.
    from twitter_connector import metrics

    metrics.NOT_REPLICATED.inc()


def _count_event(family: str, outcome: str) -> None:
    # Not at the top of the file: importing it creates the directory of the counters, and a command must not create one.
    from twitter_connector.metrics import count_event

    count_event(family, outcome)


def build_worker(services: Services, name: str, queues: Callable[[], Collection[str]] = tuple) -> Worker:
    """Return a worker process's consumers and sweeper. name: for its heartbeat. queues: see Worker."""
    stopping = threading.Event()
    renewal = LeaseRenewal(services.lanes, every=services.lanes.timings.lease / 1000 / 3)
    # Not at the top, see _count_event.
    from twitter_connector import metrics

    concurrency = Concurrency(services.settings.worker_concurrency)
    inbound = _inbound_route(services, metrics.count_skipped(Direction.IN), renewal)
    outbound = _outbound_route(services, metrics.count_skipped(Direction.OUT))

    def listener(direction: Direction, route: Route, max_age: timedelta) -> Listener:
        consumer = Consumer(
            direction=direction,
            lanes=services.lanes,
            route=route,
            lease_renewal=renewal,
            concurrency=concurrency,
            clock=services.clock,
            watch=metrics.Outcomes(direction),
            max_age=max_age,
            policy=RetryPolicy(
                direction,
                services.clock,
                services.endpoints,
                services.credentials,
                note_wait=_person_wait(services),
                waited_until=services.person_waits.until,
            ),
            read_event=services.twitter.load,
            stopping=stopping.is_set,
            spans=services.spans,
        )
        return Listener(consumer, services.lanes, concurrency, stopping.is_set)

    return Worker(
        name=name,
        lanes=services.lanes,
        lease_renewal=renewal,
        listeners={
            Direction.IN: listener(Direction.IN, inbound, services.settings.inbound_max_age),
            Direction.OUT: listener(Direction.OUT, outbound, services.settings.outbound_max_age),
        },
        typing=TypingDelivery(
            services.lanes, inbound, outbound, services.twitter.load, metrics.count_typing, services.spans
        ),
        heartbeats=services.heartbeats,
        queues=queues,
        clock_difference=services.clock.reported,
        stopping=stopping,
    )


def _person_wait(services: Services) -> Callable[[str, datetime], None]:
    """Return what notes that messages of an account wait for a person, see RetryPolicy.note_wait."""

    def note(account_id: str, until: datetime) -> None:
        services.person_waits.note(account_id, until)
        account = services.accounts.get(account_id)
        if account is not None and account.inbound != POLL:
            # X may stop its events too, without a word. They are read back once it answers again.
            services.upkeep.backfill.open_gap(account)

    return note


def build_readers(services: Services, worker: Worker) -> Readers:
    """Return the threads of a worker process that act by themselves. They also hear of wake-ups for its sweeper."""
    subscription = Subscription(services.redis, ACCOUNT_CHANGES, *CHANNELS)

    def wait_for_change(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            heard = subscription.wait(left)
            if heard is None:
                # A broker that was restarted has no heartbeat.
                worker.sweeper.beat_soon()
                return
            if not heard.isdisjoint(CHANNELS):
                worker.sweeper.rouse()
            if ACCOUNT_CHANGES in heard:
                return

    return Readers(
        services.accounts,
        services.polling,
        services.streaming,
        services.token_refresh,
        worker.stopping,
        wait_for_change=wait_for_change,
        mentions=services.mentions,
    )


def _inbound_route(services: Services, skipped: Callable[[str], None], renewal: LeaseRenewal) -> InboundRoute:
    return InboundRoute(
        cim=services.cim,
        account=services.accounts.current,
        media_transfer=services.media_transfer,
        conversations=services.conversations,
        ledger=services.ledger,
        record_of=SendRecord,
        clock=services.clock,
        skipped=skipped,
        lease_is_valid=renewal.is_valid,
        names=CustomerNames(NamesStore(services.redis), services.twitter.person, may_look_up(services), services.clock),
        chat=ChatInbound(
            ChatNotices(services.redis),
            services.chats.reader(),
            services.accounts.current,
            Roads(services.redis),
            services.lanes.accept,
        ),
        posts=PostsInbound(Comments(services.redis), services.conversations),
    )


def _app_send(app_sends: AppSends) -> AppSend:
    return lambda account, limit, remaining, reset: app_sends.note(account.app, account.id, limit, remaining, reset)


def may_look_up(services: Services) -> Callable[[Account], bool]:
    """Return what says whether an account may spend money on look-ups that it can do without."""
    return lambda account: services.spending.limit(account) is not Limit.HARD


def _outbound_route(services: Services, skipped: Callable[[str], None]) -> OutboundRoute:
    return OutboundRoute(
        account=services.accounts.current,
        twitter_for=services.twitter.messages,
        media_transfer=services.media_transfer,
        conversations=services.conversations,
        ledger=services.ledger,
        record_of=SendRecord,
        endpoints=services.endpoints,
        clock=services.clock,
        skipped=skipped,
        public_base=services.settings.link_base,
        send_only_account=services.send_only_account,
        echoes_arrive=lambda account: events_arrive(
            account, services.accounts.account_status(account.id), services.clock()
        ),
        can=services.twitter.can,
        failovers=services.failovers.since,
        may_look_up=may_look_up(services),
        chat=ChatOutbound(
            Roads(services.redis),
            services.ledger,
            services.conversations,
            services.chats.ready,
            services.chats.messages,
            services.chats.uploads,
            can=replace(CHAT_CAN, quick_replies=services.settings.x_chat_options == "native"),
        ),
        app_share=AppShare(services.app_sends, services.accounts.all, services.clock),
        service_ahead=services.twitter.x_clock.service_ahead,
        comments=Comments(services.redis),
        posts_for=services.twitter.posts,
    )
