"""What the page shows of one post: X's event, the CIM message, and its journey through the connector."""

from typing import Any

from sandbox.state import Sandbox
from sandbox.twitter.post_store import Post
from sandbox.x_v2.posts import asked_posts

_FIELDS = {
    "post.fields": "attachments,conversation_id,created_at,display_text_range,edit_controls,entities,note_post,text",
    "expansions": "author_id,referenced_posts,in_reply_to_user_id,edit_history_post_ids,attachments.media_keys",
}


def of_post(sandbox: Sandbox, post: Post) -> dict[str, Any]:
    """Return `x_events`, `cim_messages` and `journey` of a post."""
    journey = sandbox.connector.journey(post.id)
    if post.by_account:
        ids = (journey or {}).get("cim_ids", [])
        messages = [reply.message for one in ids if (reply := sandbox.desk.get(str(one)))]
    else:
        received = sandbox.inbox.since(0)
        messages = [one.message for one in received if provider_id(one.message) == post.id]
    return {"x_events": events_of_post(sandbox, post), "cim_messages": messages, "journey": journey}


def events_of_post(sandbox: Sandbox, post: Post) -> list[dict[str, Any]]:
    """Return a post as connectors get it: by their subscriptions, else as a lookup shows it."""
    return sandbox.post_activity.bodies(post) or [sandbox.posts.page([post], asked_posts(_FIELDS))]


def provider_id(message: Any) -> str | None:
    """Return the provider's id of a CIM message, if it has one."""
    header = message.get("header") if isinstance(message, dict) else None
    return header.get("providerMessageId") if isinstance(header, dict) else None
