"""People who keep writing while something else happens, whatever becomes of their messages."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tree import Control

from tests.integration.conversations import Conversation
from tests.integration.crowd import Talk


@contextmanager
def traffic(chats: list[Conversation], pause: float) -> Iterator[list[Talk]]:
    """Have a customer and an agent write in each conversation during the block, a message every `pause` seconds."""
    talks, ended = [Talk(chat) for chat in chats], threading.Event()
    troubles: list[BaseException] = []

    def speak(talk: Talk, *, customer: bool) -> None:
        control = Control(talk.chat.account.tree.sandbox.url)
        pair = {"account_id": talk.chat.account.id, "customer_id": talk.chat.customer_id}
        number = 0
        try:
            while not ended.wait(pause):
                number += 1
                if customer:
                    talk.inbound.append(f"in {number}")
                    control.post("customer/messages", **pair, text=talk.inbound[-1])
                else:
                    message_id, text = str(uuid.uuid4()), f"out {number}"
                    reply = control.post("agent/messages", **pair, id=message_id, text=text)
                    assert reply["status"] == 202, reply
                    talk.outbound[message_id] = text
        except BaseException as trouble:  # noqa: BLE001 - raised again at the end
            troubles.append(trouble)
        finally:
            control.http.close()

    threads = [
        threading.Thread(target=speak, args=(talk,), kwargs={"customer": customer}, daemon=True)
        for talk in talks
        for customer in (True, False)
    ]
    for thread in threads:
        thread.start()
    try:
        yield talks
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)
    if troubles:
        raise troubles[0]
    assert all(talk.inbound and talk.outbound for talk in talks), "somebody wrote nothing"
