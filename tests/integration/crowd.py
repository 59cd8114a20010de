"""Customers and agents who talk in many conversations at once and note what was acknowledged to them."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tree import Control, Tree

from tests.integration.conversations import Conversation
from tests.integration.public_thread import PublicThread


@dataclass
class Talk:
    """What was said in one conversation, as far as the other end of the connector acknowledged it."""

    chat: Conversation
    inbound: list[str] = field(default_factory=list)
    outbound: dict[str, str] = field(default_factory=dict)
    """Text by CIM id, in the order of acceptance."""


class Crowd:
    """One customer and one agent per conversation, each saying the next thing when the former was acknowledged.

    A customer's next message waits because Twitter redelivers what was not acknowledged behind what came later; that
    order is Twitter's doing and none the connector could keep. In the end both repeat what they said first.

    polled: ids of the accounts for which Twitter has nobody to deliver to. Their customers do not wait.
    """

    def __init__(
        self, tree: Tree, chats: list[Conversation], messages: int, pause: float, polled: Collection[str] = ()
    ) -> None:
        self.talks = [Talk(chat) for chat in chats]
        self._tree = tree
        self._messages = messages
        self._pause = pause
        self._polled = polled
        self._enough = threading.Event()
        self._troubles: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(speak, talk), daemon=True)
            for talk in self.talks
            for speak in (self._customer, self._agent)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def suppress_wakeups(self) -> None:
        """Have nobody begin another message. Fails where somebody has nothing more to say already: then whatever was
        done meanwhile was done in silence."""
        assert all(thread.is_alive() for thread in self._threads), "somebody had said everything before this"
        self._enough.set()

    def finish(self, seconds: float) -> None:
        """Wait until everybody has said everything. Raises what went wrong for any of them."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._troubles:
            raise self._troubles[0]
        speaking = sum(thread.is_alive() for thread in self._threads)
        assert not speaking, f"{speaking} people still wait for an acknowledgement after {seconds:g} s"

    def _guarded(self, speak: Callable[[Talk, Control], None], talk: Talk) -> None:
        control = Control(self._tree.sandbox.url)
        try:
            # Not all in the same instant.
            time.sleep(random.random() * self._pause)
            speak(talk, control)
        except BaseException as trouble:  # noqa: BLE001 - shown by finish()
            self._troubles.append(trouble)
        finally:
            control.http.close()

    def _customer(self, talk: Talk, control: Control) -> None:
        first_id = ""
        for number in range(self._messages):
            if self._enough.is_set():
                break
            text = f"in {number}"
            event_id = talk.chat.write(control, text)
            talk.inbound.append(text)
            first_id = event_id if number == 0 else first_id
            while talk.chat.account.id not in self._polled and not self._acknowledged(control, event_id):
                pass
            time.sleep(self._pause)
        if talk.chat.account.id in self._polled or talk.chat.kind == PublicThread.kind:
            return
        # Twitter may deliver an event again, however old.
        again = talk.chat.event(first_id, talk.inbound[0])
        while control.post("events", account_id=talk.chat.account.id, body=again)["status"] != 200:
            time.sleep(0.25)

    def _acknowledged(self, control: Control, event_id: str) -> bool:
        found = control.get("webhook-deliveries", event_id=event_id, wait=10)["deliveries"]
        assert not [d for d in found if d["status"] == "failed"], found
        # X may deliver an event twice; then both have to be acknowledged.
        return {d["status"] for d in found} == {"delivered"}

    def _agent(self, talk: Talk, control: Control) -> None:
        talk.chat.wait_for_first(control)
        for number in range(self._messages):
            if self._enough.is_set():
                break
            self._say(control, talk, str(uuid.uuid4()), talk.chat.outbound_text(number))
            time.sleep(self._pause)
        self._say(control, talk, *next(iter(talk.outbound.items())))

    def _say(self, control: Control, talk: Talk, message_id: str, text: str) -> None:
        while talk.chat.answer(control, message_id, text) != 202:
            time.sleep(0.25)
        talk.outbound[message_id] = text
