"""Posts a message to Twitter's store and to the webhooks, whoever wrote it: an app, the brand, or a customer."""

from typing import Any

from sandbox.people import User
from sandbox.twitter.dm import Dm
from sandbox.twitter.errors import error
from sandbox.twitter.validation import Draft
from sandbox.world import World


def send(world: World, sender: User, draft: Draft, source_app_id: str) -> Dm:
    """Send a message of a business account. Raises TwitterError for a recipient or upload that will not do."""
    recipient = world.directory.users.get(draft.recipient_id)
    if recipient is None:
        raise error(108)
    if recipient.refuses is not None:
        raise error(recipient.refuses)
    media = world.media.attach(draft.media_id, sender.id) if draft.media_id is not None else None

    def make(dm_id: str) -> Dm:
        return Dm(
            id=dm_id,
            sender_id=sender.id,
            recipient_id=recipient.id,
            text=draft.text,
            by_account=True,
            source_app_id=source_app_id,
            media_id=draft.media_id,
            media_mime=media.shown_mime if media else None,
            media_kind=media.kind if media else None,
            location=draft.location,
            quick_reply=draft.quick_reply,
            ctas=draft.ctas,
        )

    return world.mailbox.post(make, world.activity.announce)


def receive(
    world: World,
    customer: User,
    account: User,
    said: dict[str, Any],
    *,
    times: int = 1,
    swap: bool = False,
    deliver: bool = True,
) -> Dm:
    """Let a customer write to a business account. `said` holds the fields of Dm that make up the message."""

    def make(dm_id: str) -> Dm:
        return Dm(id=dm_id, sender_id=customer.id, recipient_id=account.id, by_account=False, **said)

    def dispatch(dm: Dm) -> None:
        if deliver:
            world.activity.announce(dm, times, swap)

    return world.mailbox.post(make, dispatch)
