"""Which flavour serves an account. The only module that imports the flavours' folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from twitter_connector.config import Settings
from twitter_connector.errors import Permanent
from twitter_connector.model.account import LONG_POSTS, V1, V2, Account, Credentials
from twitter_connector.model.capabilities import EVERYTHING, LONG_POST_MAX, POST_MAX, Capabilities
from twitter_connector.model.chat import CHAT_FLAVOUR, ChatStore
from twitter_connector.model.event import Activity, Person, RawEvent
from twitter_connector.model.flavour import Events, Flavour, Messages, Registration, Uploads
from twitter_connector.model.lookup import Lookups
from twitter_connector.net.http_client import HttpClient

from .account_activity import load
from .account_activity import raw_events as account_activity_events
from .account_messages import AppSend
from .chat.chats import Chats
from .chat_objects import load as load_chat
from .http import TwitterHttp
from .posts import AccountPosts
from .v1.media import V1Uploads
from .v1.messages import V1Messages
from .v1.registration import V1Registration
from .v2.calls import V2Calls
from .v2.media import V2Uploads
from .v2.messages import V2Messages
from .v2.registration import V2Registration
from .v2.stream import IDLE_SECONDS, V2Stream
from .v2.webhook_body import raw_events as v2_raw_events
from .x_clock import XClock

__all__ = ["Chats", "Flavours"]

# API v2 sends text and files, and nothing else: https://docs.x.com/x-api/direct-messages/manage/introduction
_V2_CAN = Capabilities(quick_replies=False, link_buttons=False, location=False, typing=False, read_marks=False)


class Flavours:
    """All flavours, by name.

    budget: called with account id, endpoint, limit, remaining and reset (epoch seconds) of an answer that has them.
    renewed: see TwitterHttp. used: called with account id, kind and ids of what X bills, see model/usage. app_send: see
    AccountMessages.
    """

    def __init__(
        self,
        http_client: HttpClient,
        settings: Settings,
        clock: Callable[[], datetime],
        budget: Callable[[str, str, int, int, int], None],
        renewed: Callable[[Credentials], Credentials | None] = lambda credentials: None,
        used: Callable[[str, str, Sequence[str]], None] = lambda account_id, kind, ids: None,
        app_send: AppSend = lambda account, limit, remaining, reset: None,
    ) -> None:
        self._http = http = TwitterHttp(http_client, clock, renewed)
        v1_url, v2_url = settings.twitter_api_url, settings.x_api_url
        self._http_client, self._clock, self._budget, self._used = http_client, clock, budget, used
        self._post_threads = settings.long_posts == "thread"
        self._v1_url, self._v2_url = v1_url, v2_url
        self._by_name = {
            V1: Flavour(
                name=V1,
                events=Events(account_activity_events, load),
                messages=lambda account: V1Messages(http, v1_url, account, budget),
                registration=lambda account: V1Registration(http, v1_url, account),
                media=V1Uploads(http_client, settings.twitter_upload_url, clock),
                can=EVERYTHING,
            ),
            V2: Flavour(
                name=V2,
                events=Events(v2_raw_events, load),
                messages=lambda account: V2Messages(http, v2_url, account, budget, used, app_send),
                registration=lambda account: V2Registration(http, v2_url, v1_url, account, used),
                media=V2Uploads(http_client, v2_url, clock),
                can=_V2_CAN,
            ),
        }

    @property
    def x_clock(self) -> XClock:
        """X's clock, as its answers show it."""
        return self._http.x_clock

    def of(self, account: Account) -> Flavour:
        """Return the account's flavour. Raises Permanent(flavour_unknown) for one of a later version."""
        flavour = self._by_name.get(account.flavour)
        if flavour is None:
            raise Permanent(
                "flavour_unknown",
                f"Account {account.id} speaks X's API {account.api}, which this version does not know. Update the "
                "connector, or register the account again.",
                ours=True,
            )
        return flavour

    def can(self, account: Account) -> Capabilities:
        """Return what the account's API carries, and how long its posts may be."""
        post_max = LONG_POST_MAX if account.settings.get(LONG_POSTS) else POST_MAX
        return replace(self.of(account).can, post_max=post_max, post_threads=self._post_threads)

    def posts(self, account: Account) -> AccountPosts:
        """Return the public posts of an account, which only API v2 has."""
        return AccountPosts(self._http, self._v2_url, account, self._budget, self._used)

    def messages(self, account: Account) -> Messages:
        return self.of(account).messages(account)

    def lookups(self, account: Account) -> Lookups:
        """Return the pages of an account's messages. Only API v2 has pages whose size we choose."""
        return V2Messages(self._http, self._v2_url, account, self._budget, self._used)

    def person(self, account: Account, user_id: str) -> Person:
        """Return a user's names. API v1.1 is not asked: its events always have them."""
        if account.flavour == V1:
            return Person(user_id)
        return V2Messages(self._http, self._v2_url, account, self._budget, self._used).person(user_id)

    def chats(self, store: ChatStore) -> Chats:
        """Return X Chat. store: where its keys are."""
        return Chats(self._http, self._http_client, self._clock, self._v2_url, store, self._budget)

    def replay(self, account: Account, since: datetime, until: datetime) -> str:
        """Have X deliver the events of a span of time to the account's webhook again. Return the job's id.

        Only API v2 can.
        """
        return V2Registration(self._http, self._v2_url, self._v1_url, account).replay(since, until)

    def stream(self, account: Account) -> V2Stream:
        """Return the activity stream of an account's app."""
        calls = V2Calls(self._http, self._v2_url, self._v1_url, account)
        return V2Stream(self._http_client, self._v2_url, calls, self._clock, IDLE_SECONDS)

    def registration(self, account: Account) -> Registration:
        return self.of(account).registration(account)

    def media(self, account: Account) -> Uploads:
        return self.of(account).media

    def raw_events(self, payload: Mapping[str, Any], path_account_id: str) -> Iterator[RawEvent]:
        """Yield every event of a webhook's body, of whichever flavour the body is.

        path_account_id: the account of the webhook's path, for bodies that name none.
        """
        # API v2 hands bodies in the form of Account Activity on to the reader of API v1.1.
        return v2_raw_events(payload, path_account_id)

    def load(self, envelope: Mapping[str, Any], flavour: str) -> Activity:
        """Return one stored event, read in full. Raises Permanent(unreadable_event), and Permanent(flavour_unknown)
        for an event of a later version."""
        if flavour == CHAT_FLAVOUR:
            return load_chat(envelope)
        if flavour not in self._by_name:
            raise Permanent(
                "flavour_unknown", f"The event is of X's API {flavour!r}, which this version does not know.", ours=True
            )
        return self._by_name[flavour].events.load(envelope)
