"""Publishes, edits and deletes posts, and sends their events. X's refusals are raised by the routes, not here."""

from typing import Any

from sandbox.people import User
from sandbox.state import Sandbox
from sandbox.twitter.post_store import Post
from sandbox.twitter.text import render


def publish(
    sandbox: Sandbox,
    author: User,
    text: str,
    *,
    parent: Post | None = None,
    with_lead: bool = True,
    without: frozenset[str] = frozenset(),
    previous: Post | None = None,
    times: int = 1,
    swap: bool = False,
    deliver: bool = True,
    **more: Any,
) -> Post:
    """Publish a post of a user and send its events.

    parent: the post it replies to. without: ids of users that the lead of a reply leaves out. previous: the version
    that it edits. more: further fields of Post.
    """
    lead = lead_of_reply(sandbox, parent, author, without) if parent is not None and with_lead else ""
    if previous is not None:
        lead = previous.lead
    find_user = sandbox.message_context.find_user
    mentions = render(lead + text, find_user).entities["user_mentions"]
    mentioned = list(dict.fromkeys(user["id_str"] for user in mentions))
    # A post that begins with a name is addressed to that user, without being a reply to a post.
    addressed = mentions[0]["id_str"] if mentions and mentions[0]["indices"][0] == 0 else None

    def make(post_id: str) -> Post:
        root = previous.conversation_id if previous else parent.conversation_id if parent else post_id
        fields: dict[str, Any] = {
            "in_reply_to_id": parent.id if parent else None,
            "in_reply_to_user_id": parent.author_id if parent else addressed,
            "history": list(previous.history) if previous else [],
            **more,
        }
        uploads = [sandbox.media.get(each) for each in fields.get("media_ids", ())]
        fields["media_mimes"] = [upload.shown_mime for upload in uploads if upload]
        return Post(post_id, author.id, text, root, author.business, lead, mentioned, **fields)

    def dispatch(post: Post) -> None:
        if deliver:
            sandbox.post_activity.announce(post, times, swap)

    return sandbox.post_store.add(make, dispatch)


def lead_of_reply(sandbox: Sandbox, parent: Post, author: User, without: frozenset[str] = frozenset()) -> str:
    """Return the mentions in front of a reply: the author of its parent, then those whom the parent mentions."""
    ids = [parent.author_id, *(each for each in parent.mentioned_ids if each not in without)]
    users = sandbox.directory.users
    names = [users[each].screen_name for each in dict.fromkeys(ids) if each in users and each != author.id]
    return "".join(f"@{name} " for name in names)


def edit(sandbox: Sandbox, post: Post, text: str, *, deliver: bool = True) -> Post:
    """Replace a post by a new version with an id of its own."""
    post.replaced = True
    sandbox.post_store.changed(post)
    kept = ("in_reply_to_id", "in_reply_to_user_id", "quoted_id", "media_ids", "source_app_id")
    fields = {name: getattr(post, name) for name in kept}
    author = sandbox.directory.users[post.author_id]
    return publish(sandbox, author, text, previous=post, deliver=deliver, **fields)


def delete(sandbox: Sandbox, post: Post, *, deliver: bool = True) -> None:
    """Delete a post."""
    post.deleted = True
    sandbox.post_store.changed(post)
    if deliver:
        sandbox.post_activity.deleted(post)
