"""All parts of the sandbox, constructed in one place. Routes get them from `the_sandbox()`."""

from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app

from sandbox import demo
from sandbox.ccm.configurations import Configurations
from sandbox.ccm.connector import Connector
from sandbox.ccm.desk import Desk
from sandbox.ccm.inbox import Inbox
from sandbox.faults import Faults
from sandbox.feed import Feed
from sandbox.files.store import FileStore
from sandbox.journal import Journal
from sandbox.people import Directory
from sandbox.recorder import Recorder
from sandbox.requests_log import RequestsLog
from sandbox.settings import Settings
from sandbox.snowflake import Snowflakes
from sandbox.troubles import Switches
from sandbox.twitter.activity import Activity
from sandbox.twitter.bodies import Bodies
from sandbox.twitter.dm import MessageContext
from sandbox.twitter.event_sender import EventSender
from sandbox.twitter.limits import RateLimits
from sandbox.twitter.mailbox import Mailbox
from sandbox.twitter.media_store import MediaStore
from sandbox.twitter.post_activity import PostActivity
from sandbox.twitter.post_store import PostStore
from sandbox.twitter.post_text import PostTexts
from sandbox.twitter.tweets import Tweets
from sandbox.twitter.webhooks import Webhooks
from sandbox.x_chat.parts import XChat
from sandbox.x_v2.activity import V2Activity
from sandbox.x_v2.parts import assemble
from sandbox.x_v2.post_activity import V2PostActivity
from sandbox.x_v2.posts import Posts
from sandbox.x_v2.replay import Replays


@dataclass(frozen=True)
class Options:
    """Options of the command line. connector_token is for the connector's internal routes; "" means none."""

    base_url: str
    connector_url: str
    state_dir: Path
    connector_token: str = field(default="", repr=False)


class Sandbox:
    """The parts of the sandbox."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.settings = Settings()
        self.journal = Journal(options.state_dir / "state.sqlite3")
        self.ids = Snowflakes()
        self.feed = Feed()
        self.faults = Faults()
        self.log = RequestsLog()
        self.recorder = Recorder()
        self.limits = RateLimits(self.settings)
        self.directory = Directory(self.journal)
        self.webhooks = Webhooks(self.journal, self.ids, self.feed)
        self.media = MediaStore(options.state_dir / "media", self.journal, self.ids, self.settings)
        self.mailbox = Mailbox(self.journal, self.ids, self.feed)
        self.sender = EventSender(self.settings)
        self.message_context = MessageContext(options.base_url, self._mention, self.media.get)
        self.bodies = Bodies(self.directory, self.message_context)
        self.v2 = assemble(self.journal, self.ids, self.feed, self.settings, self.directory)
        self.v2_activity = V2Activity(self.directory, self.sender, self.mailbox, self.bodies, self.v2)
        self.activity = Activity(
            self.directory, self.webhooks, self.sender, self.mailbox, self.bodies, self.v2_activity
        )
        self.chat = XChat(
            options.state_dir / "x-chat",
            self.journal,
            self.ids,
            self.feed,
            self.directory,
            self.mailbox,
            self.sender,
            self.v2,
        )
        self.post_store = PostStore(self.journal, self.ids, self.feed)
        self.post_texts = PostTexts(self.directory, self.message_context, self.post_store)
        self.posts = Posts(self.directory, self.post_texts, self.post_store)
        tweets = Tweets(self.directory, self.post_texts, self.post_store)
        v2_posts = V2PostActivity(self.directory, self.sender, self.post_store, tweets, self.posts, self.v2)
        self.post_activity = PostActivity(
            self.directory, self.webhooks, self.sender, self.settings, self.post_store, tweets, v2_posts
        )
        self.v2.replays = Replays(self.settings, self.mailbox, self.v2_activity, self.post_store, self.post_activity)
        self.switches = Switches(self.faults, self.directory, self.v2.credits)
        self.files = FileStore(options.state_dir / "files", self.settings)
        self.connector = Connector(options.connector_url, options.connector_token)
        self.configurations = Configurations()
        self.inbox = Inbox(self.journal, self.feed)
        self.desk = Desk(self.journal, self.feed, self.connector)
        self._restore()

    def reset(self) -> None:
        """Return to the state of the first start: the demo people, no messages, no webhooks, no faults."""
        self.faults.lift()
        self.settings.restore()
        self.sender.clear()
        for part in (
            self.log,
            self.recorder,
            self.limits,
            self.mailbox,
            self.post_store,
            self.webhooks,
            self.media,
            self.files,
            self.inbox,
        ):
            part.clear()
        self.switches.clear()
        self.v2.clear()
        self.chat.clear()
        self.desk.clear()
        self.configurations.clear()
        self.directory.clear()
        self.journal.clear()
        demo.add_people(self.directory)
        self.feed.publish("reset", {})

    def _restore(self) -> None:
        for part in (
            self.directory,
            self.webhooks,
            self.v2,
            self.media,
            self.mailbox,
            self.post_store,
            self.chat,
            self.inbox,
            self.desk,
        ):
            part.restore()
        demo.add_people(self.directory)
        self.activity.resume()
        self.post_activity.resume()
        self.chat.delivery.resume()

    def _mention(self, screen_name: str) -> tuple[str, str, str] | None:
        user = self.directory.user_named(screen_name)
        return (user.id, user.name, user.screen_name) if user else None


def the_sandbox() -> Sandbox:
    """Return the sandbox of the application that serves this request."""
    sandbox = current_app.extensions["sandbox"]
    if not isinstance(sandbox, Sandbox):
        raise TypeError("the application has no sandbox")
    return sandbox
