"""Stores a new message of an app, a brand or a customer, and sends its events."""

from typing import Any

from sandbox.people import User
from sandbox.state import Sandbox
from sandbox.twitter.dm import Dm
from sandbox.twitter.errors import error
from sandbox.twitter.validation import Draft


def send(sandbox: Sandbox, sender: User, draft: Draft, source_app_id: str) -> Dm:
    """Send a message of a business account. Raises TwitterError for its recipient or upload."""
    recipient = sandbox.directory.users.get(draft.recipient_id)
    if recipient is None:
        raise error(108)
    if recipient.refuses is not None:
        raise error(recipient.refuses)
    media = sandbox.media.attach(draft.media_id, sender.id) if draft.media_id is not None else None

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

    return sandbox.mailbox.post(make, sandbox.activity.announce)


def receive(
    sandbox: Sandbox,
    customer: User,
    account: User,
    said: dict[str, Any],
    *,
    times: int = 1,
    swap: bool = False,
    deliver: bool = True,
) -> Dm:
    """Let a customer write to a business account. `said` has the fields of Dm for the content."""

    def make(dm_id: str) -> Dm:
        return Dm(id=dm_id, sender_id=customer.id, recipient_id=account.id, by_account=False, **said)

    def dispatch(dm: Dm) -> None:
        if deliver:
            sandbox.activity.announce(dm, times, swap)

    return sandbox.mailbox.post(make, dispatch)
