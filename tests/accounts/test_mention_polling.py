"""Polling of mentions: from where it reads, what is stored and in which order, when it looks again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tests.accounts.test_polling import Inbox
from tests.fake_posts import FakePosts
from tests.fakes import FakeAccounts, FakeClock, FakeLocks
from twitter_connector.accounts.mention_polling import BESIDE_EVENTS, LIMITED_EVERY, POLL_EVERY, MentionPolling
from twitter_connector.accounts.posts_choice import PostsChoice
from twitter_connector.accounts.posts_settings import MARK, with_choices
from twitter_connector.accounts.spending import Limit
from twitter_connector.delivery.intake import POST
from twitter_connector.errors import RateLimited
from twitter_connector.model.account import LONG_POSTS, V1, V2, Account, Credentials
from twitter_connector.model.event import RawEvent
from twitter_connector.model.timestamps import epoch_ms, first_id_at

ACME, ADA = "222222222", "111111111"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass
class Desk:
    inbound: str = "poll"
    mode: str = "mentions"
    clock: FakeClock = field(default_factory=FakeClock)
    inbox: Inbox = field(default_factory=Inbox)
    limit: Limit = Limit.NONE

    def __post_init__(self) -> None:
        self.x = FakePosts(self.clock)
        settings = {"inbound": self.inbound, "posts": self.mode}
        known = Account(
            ACME, Credentials("k", "s", "t", "ts"), "https://cx.example.com/1", flavour=V2, settings=settings
        )
        self.accounts = FakeAccounts(replace(known, registered_at=self.clock()))
        self.polling = MentionPolling(
            self.accounts,
            self.accounts,
            FakeLocks(),
            self.inbox,
            lambda account: self.x,
            self.clock,
            limit=lambda account: self.limit,
        )

    @property
    def account(self) -> Account:
        return self.accounts.rows[ACME]

    def mention(self, *, ago: timedelta = timedelta(), number: int = 0, addressed: str = "mentions") -> str:
        """A customer mentioned the account so long ago. Return the post's id."""
        post_id = str(int(first_id_at(epoch_ms(self.clock() - ago))) + number)
        event = RawEvent(POST, ACME, ADA, post_id, epoch_ms(self.clock() - ago), addressed=(addressed,))
        self.x.mentioned.append(event)
        return post_id

    def poll(self) -> list[str]:
        """Poll what is due; return the ids of the posts that were new."""
        before = len(self.inbox.stored)
        for account, seconds in self.polling.upcoming():
            if seconds <= 0:
                self.polling.poll(account)
        return [entry.removeprefix("post:") for entry in self.inbox.stored[before:]]

    def wait(self) -> float:
        """Return the seconds until the next poll."""
        return next((seconds for _, seconds in self.polling.upcoming()), -1.0)

    def later(self, wait: timedelta | None = None) -> None:
        self.clock.advance(self.wait() if wait is None else wait / SECOND)


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestFromWhere:
    def test_mentions_before_the_registration_are_not_read(self, desk: Desk) -> None:
        desk.mention(ago=MINUTE)
        desk.mention(ago=SECOND)
        desk.clock.advance(1)
        new = desk.mention()
        assert desk.poll() == [new]
        assert desk.x.asked_since == [first_id_at(epoch_ms(desk.account.registered_at or desk.clock()))]

    def test_mentions_before_the_choice_are_not_read(self) -> None:
        desk = Desk(mode="off")
        desk.clock.advance(86_400)
        desk.mention(ago=MINUTE)
        assert desk.poll() == []
        choice = PostsChoice(desk.accounts, FakeRegistration(), lambda account: desk.x, desk.clock)  # type: ignore[arg-type]
        choice.choose(desk.account, "all")
        desk.clock.advance(1)
        new = desk.mention()
        assert desk.poll() == [new]

    def test_each_poll_goes_on_where_the_last_one_ended_and_stores_nothing_twice(self, desk: Desk) -> None:
        desk.clock.advance(3600)
        ids = [desk.mention(ago=timedelta(minutes=20 - number)) for number in range(5)]
        assert desk.poll() == ids, "oldest first"
        desk.later()
        new = desk.mention()
        assert desk.poll() == [new]
        first, second = map(int, desk.x.asked_since)
        assert first < second < int(ids[-1])

    def test_a_mention_that_x_shows_late_is_not_lost(self, desk: Desk) -> None:
        desk.clock.advance(3600)
        newer = desk.mention(ago=SECOND)
        assert desk.poll() == [newer]
        late = desk.mention(ago=MINUTE)
        desk.later()
        assert desk.poll() == [late]

    def test_ids_beyond_53_bits_are_exact(self, desk: Desk) -> None:
        desk.accounts.note(ACME, **{MARK: 2_126_572_882_388_582_401})
        desk.poll()
        assert desk.x.asked_since == ["2126572882388582401"]

    def test_a_choice_that_is_made_during_a_poll_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The next poll begins behind what this one has read.
        desk = Desk(mode="replies")
        desk.clock.advance(1)
        new, mentions = desk.mention(), desk.x.mentions

        def chosen_meanwhile(since: str) -> list[RawEvent]:
            desk.accounts.change(ACME, lambda now: with_choices(now, {"posts": "mentions"}))
            return list(mentions(since))

        monkeypatch.setattr(desk.x, "mentions", chosen_meanwhile)
        assert desk.poll() == [new]

    def test_only_what_the_account_takes_in_is_stored(self) -> None:
        desk = Desk(mode="replies")
        desk.clock.advance(1)
        desk.mention()
        answer = desk.mention(number=1, addressed="replies")
        assert desk.poll() == [answer]


class TestWhen:
    @pytest.mark.parametrize(
        ("inbound", "every"), [("poll", POLL_EVERY), ("xaa", BESIDE_EVENTS), ("stream", BESIDE_EVENTS)]
    )
    def test_it_looks_each_minute_and_beside_events_each_quarter_of_an_hour(
        self, inbound: str, every: timedelta
    ) -> None:
        desk = Desk(inbound=inbound)
        desk.poll()
        assert desk.wait() == every / SECOND
        desk.later(every - SECOND)
        desk.poll()
        assert len(desk.x.asked_since) == 1

    def test_a_rate_limit_of_x_is_waited_for(self, desk: Desk) -> None:
        until = desk.clock() + timedelta(minutes=14)
        desk.x.look_failures = [RateLimited("rate_limited", "X's limit.", until=until)]
        desk.clock.advance(1)
        new = desk.mention()
        assert desk.poll() == []
        assert desk.wait() == 14 * 60 - 1
        desk.later()
        assert desk.poll() == [new], "what came meanwhile is read then"

    def test_near_the_limit_of_costs_it_looks_rarely_and_at_the_limit_not_at_all(self, desk: Desk) -> None:
        desk.limit = Limit.SOFT
        desk.poll()
        assert desk.wait() == LIMITED_EVERY / SECOND
        desk.later()
        desk.limit = Limit.HARD
        desk.poll()
        assert len(desk.x.asked_since) == 1

    @pytest.mark.parametrize("changes", [{"settings": {"inbound": "poll"}}, {"flavour": V1}])
    def test_an_account_without_posts_and_one_of_api_v1_is_not_polled(
        self, desk: Desk, changes: dict[str, str]
    ) -> None:
        desk.accounts.rows[ACME] = replace(desk.account, **changes)  # type: ignore[arg-type]
        desk.poll()
        assert desk.x.asked_since == []


class FakeRegistration:
    """Repairs nothing."""

    def repair(self, account: Account) -> None:
        """Subscriptions are no matter here."""


def test_the_length_of_posts_is_asked_once_a_day_and_after_a_choice(desk: Desk) -> None:
    desk.x.long = True
    desk.poll()
    assert desk.account.settings[LONG_POSTS] == "yes"
    desk.x.long = False
    desk.later(timedelta(hours=23))
    desk.poll()
    assert desk.account.settings[LONG_POSTS] == "yes"
    desk.later(timedelta(hours=1))
    desk.poll()
    assert LONG_POSTS not in desk.account.settings
    desk.x.long = True
    desk.accounts.change(ACME, lambda now: with_choices(now, {"posts": "off"}))
    choice = PostsChoice(desk.accounts, FakeRegistration(), lambda account: desk.x, desk.clock)  # type: ignore[arg-type]
    choice.choose(desk.account, "all")
    assert desk.account.settings[LONG_POSTS] == "yes"
