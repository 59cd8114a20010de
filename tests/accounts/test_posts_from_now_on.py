"""An account that begins to take posts in has, from that moment on, the mark before which no mention is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.accounts.test_register_and_repair import A, Desk, url_of
from tests.fake_posts import FakePosts
from twitter_connector.accounts.credentials import Configure
from twitter_connector.accounts.posts_choice import PostsChoice
from twitter_connector.accounts.posts_settings import MARK
from twitter_connector.cim.channel_configuration import PushedConfiguration
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import V2


class Enquiries:
    """CCM is asked nothing."""

    def forget_enquiry(self, account_id: str) -> None: ...
    def may_pull(self, account_id: str) -> bool:
        return False

    def name_type(self, channel_type_id: str) -> None: ...


def by_command(desk: Desk) -> None:
    PostsChoice(desk.accounts, desk.registration, lambda account: FakePosts(desk.clock), desk.clock).choose(
        desk.account(), "all"
    )


def by_registration(desk: Desk) -> None:
    desk.registration.register(replace(desk.wish(), flavour=V2, settings={"posts": "all"}, webhook_url=url_of(A)))


def by_ccm(desk: Desk) -> None:
    Configure(desk.accounts, desk.lanes, Enquiries(), lambda _: None, desk.clock).push(
        PushedConfiguration(A, {}, {"posts": "all"})
    )


@pytest.mark.parametrize("choose", [by_command, by_registration, by_ccm])
def test_the_mark_is_stored_before_the_choice(choose: Callable[[Desk], None], monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise a poll in between, or a process that ends there, would forward all mentions since the registration.
    desk = Desk()
    desk.register()

    def away(account_id: str, **values: int) -> None:
        assert desk.account().posts == "off"
        if MARK in values:
            raise StoreUnavailable("broker_unavailable", "It went away.")

    monkeypatch.setattr(desk.accounts, "note", away)
    with pytest.raises(StoreUnavailable):
        choose(desk)
    assert desk.account().posts == "off"
