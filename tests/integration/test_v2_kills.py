"""kill -9 of a whole installation whose account has no webhook: its messages come again by themselves."""

import time

import pytest
from tree import Tree, eventually

from tests.integration.media_files import settings
from tests.integration.test_v2 import FASTER, registered


@pytest.mark.parametrize("inbound", ["stream", "poll"])
def test_after_everything_was_killed_messages_come_again(mortal: Tree, inbound: str) -> None:
    with settings(mortal, **FASTER):
        chat = registered(mortal, inbound).customer()
        chat.customer_says("before")
        chat.await_ccm(["before"], 40)
        mortal.kill_everything()
        began = time.monotonic()
        mortal.start()
        chat.customer_says("after")
        seconds = 60 if inbound == "stream" else 90
        eventually(lambda: "after" in chat.ccm_texts(), seconds, what="a message")
        assert time.monotonic() - began < seconds
