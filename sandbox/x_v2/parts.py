"""The stores of API v2 as one object, for routes and events."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.people import Directory
from sandbox.settings import Settings
from sandbox.snowflake import Snowflakes
from sandbox.x_v2.account_activity import AccountActivity
from sandbox.x_v2.credits import Credits
from sandbox.x_v2.grants import Grants
from sandbox.x_v2.limits import V2Limits
from sandbox.x_v2.streams import Streams
from sandbox.x_v2.subscriptions import ActivitySubscriptions
from sandbox.x_v2.webhooks import V2Webhooks

if TYPE_CHECKING:
    from sandbox.x_v2.replay import Replays

# A poller that has not asked for so long is away.
_POLL_SECONDS = 300.0


@dataclass
class V2:
    """The parts of API v2. `replays` needs the events and is set when these exist."""

    settings: Settings
    grants: Grants
    limits: V2Limits
    credits: Credits
    webhooks: V2Webhooks
    subscriptions: ActivitySubscriptions
    account_activity: AccountActivity
    streams: Streams
    replays: "Replays" = field(init=False)

    # Account id -> when its messages were last looked up.
    looked_up_at: dict[str, float] = field(default_factory=dict)

    def reaches(self, user_id: str) -> bool:
        """Whether somebody receives the messages of a user: by a valid webhook, a stream, or lookups of late."""
        for subscription in self.subscriptions.of_user(user_id, "dm.received"):
            webhook = self.webhooks.find(subscription.webhook_id)
            if (webhook is not None and webhook.valid) or self.streams.of_app(subscription.app_id):
                return True
        hooks = [self.webhooks.find(entry.webhook_id) for entry in self.account_activity.of_user(user_id)]
        if any(webhook is not None and webhook.valid for webhook in hooks):
            return True
        return time.time() - self.looked_up_at.get(user_id, 0.0) < _POLL_SECONDS

    def restore(self) -> None:
        """Read what an earlier run stored."""
        for part in (self.grants, self.webhooks, self.subscriptions, self.account_activity):
            part.restore()

    def clear(self) -> None:
        """Forget everything."""
        stores = (self.grants, self.webhooks, self.subscriptions, self.account_activity, self.streams)
        for part in (*stores, self.limits, self.credits):
            part.clear()
        self.replays.clear()
        self.looked_up_at.clear()


def assemble(journal: Journal, ids: Snowflakes, feed: Feed, settings: Settings, directory: Directory) -> V2:
    """Return the parts of API v2, empty."""
    return V2(
        settings=settings,
        grants=Grants(journal, settings),
        limits=V2Limits(settings),
        credits=Credits(),
        webhooks=V2Webhooks(journal, ids, feed, settings, directory),
        subscriptions=ActivitySubscriptions(journal, ids, feed, settings),
        account_activity=AccountActivity(journal, feed, settings),
        streams=Streams(settings),
    )
