"""Routes of API v2 that change posts: publish, delete, hide, like."""

import re
import time
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from sandbox.people import User
from sandbox.state import Sandbox, the_sandbox
from sandbox.twitter.errors import TwitterError
from sandbox.twitter.post_store import Post
from sandbox.twitter.publish import delete as delete_post
from sandbox.twitter.publish import lead_of_reply, publish
from sandbox.twitter.weighted_length import MAXIMUM, MAXIMUM_OF_LONG_POSTS, weighted_length
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.endpoint import USER, blueprint, body_of, endpoint
from sandbox.x_v2.problems import (
    POST_DUPLICATE,
    POST_NOT_SUMMONED,
    POST_NOT_VISIBLE,
    POST_TOO_LONG,
    Problem,
    invalid,
    not_found,
    plain,
)

posts = blueprint("posts")

_WRITE = ("tweet.read", "tweet.write", "users.read")
_MODERATE = ("tweet.read", "tweet.moderate.write", "users.read")
_LIKE = ("tweet.read", "users.read", "like.write")
_ID = re.compile(r"[0-9]{1,19}")
_LINK = re.compile(r"https?://", re.IGNORECASE)
_PROPERTIES = {
    *("card_uri", "community_id", "direct_message_deep_link", "edit_options", "for_super_followers_only", "geo"),
    *("made_with_ai", "media", "nullcast", "paid_partnership", "poll", "quote_tweet_id", "reply", "reply_settings"),
    *("share_with_followers", "text"),
}
_REPLY = {"auto_populate_reply_metadata", "exclude_reply_user_ids", "in_reply_to_tweet_id"}


@posts.post("/2/tweets")
@endpoint("v2/posts/create", *USER, scopes=_WRITE, billed=True)
def create(caller: Caller) -> ResponseReturnValue:
    """Publish a post, or a reply to one."""
    sandbox, author = the_sandbox(), caller.account
    body = body_of(_PROPERTIES)
    text, reply = body.get("text", ""), _inner(body, "reply", _REPLY)
    if not isinstance(text, str):
        raise invalid("$.text: is not a string")
    media_ids = _media(sandbox, author, body)
    if not text.strip() and not media_ids:
        raise invalid("$.text: must be at least 1 character long")
    if weighted_length(text) > (MAXIMUM_OF_LONG_POSTS if author.long_posts else MAXIMUM):
        raise plain(403, POST_TOO_LONG)
    parent = _parent(sandbox, caller, reply) if reply else None
    with_lead = reply.get("auto_populate_reply_metadata") is not False
    without = frozenset(map(str, reply.get("exclude_reply_user_ids") or ()))
    lead = lead_of_reply(sandbox, parent, author, without) if parent and with_lead else ""
    if _is_duplicate(sandbox, author, lead + text, media_ids):
        raise plain(403, POST_DUPLICATE)
    made = publish(
        sandbox,
        author,
        text,
        parent=parent,
        with_lead=with_lead,
        without=without,
        quoted_id=str(body["quote_tweet_id"]) if body.get("quote_tweet_id") else None,
        media_ids=media_ids,
        source_app_id=caller.app.id,
    )
    kind = "post_sent_link" if _LINK.search(text) else "reply_sent" if parent else "post_sent"
    sandbox.v2.credits.charge(caller.app.id, kind, author.id)
    shown = {"id": made.id, "text": sandbox.post_texts.of(made).text, "edit_history_tweet_ids": made.history}
    return jsonify(data=shown), 201


@posts.delete("/2/tweets/<post_id>")
@endpoint("v2/posts/delete", *USER, scopes=_WRITE)
def delete(caller: Caller, post_id: str) -> ResponseReturnValue:
    """Delete a post of the caller."""
    post = _visible(post_id)
    if post.author_id != caller.account.id:
        raise plain(403, "You are not authorized to delete this Tweet.")
    delete_post(the_sandbox(), post)
    return jsonify(data={"deleted": True})


@posts.put("/2/tweets/<post_id>/hidden")
@endpoint("v2/posts/hide", *USER, scopes=_MODERATE)
def hide(caller: Caller, post_id: str) -> ResponseReturnValue:
    """Hide a reply in a conversation that the caller began, or show it again."""
    hidden, post = body_of({"hidden"}, {"hidden"})["hidden"], _visible(post_id)
    if not isinstance(hidden, bool):
        raise invalid("$.hidden: is not a boolean")
    root = the_sandbox().post_store.get(post.conversation_id)
    if post.in_reply_to_id is None or root is None or root.author_id != caller.account.id:
        raise plain(403, "You can only hide replies to conversations that you started.")
    post.hidden = hidden
    the_sandbox().post_store.changed(post)
    return jsonify(data={"hidden": hidden})


@posts.post("/2/users/<user_id>/likes")
@endpoint("v2/likes", *USER, scopes=_LIKE)
def like(caller: Caller, user_id: str) -> ResponseReturnValue:
    """Like a post; liking it twice changes nothing."""
    _must_be(caller, user_id)
    post = _visible(str(body_of({"tweet_id"}, {"tweet_id"})["tweet_id"]))
    post.liked_by = list(dict.fromkeys([*post.liked_by, user_id]))
    the_sandbox().post_store.changed(post)
    return jsonify(data={"liked": True})


@posts.delete("/2/users/<user_id>/likes/<post_id>")
@endpoint("v2/likes", *USER, scopes=_LIKE)
def unlike(caller: Caller, user_id: str, post_id: str) -> ResponseReturnValue:
    """Take a like back."""
    _must_be(caller, user_id)
    post = _visible(post_id)
    post.liked_by = [each for each in post.liked_by if each != user_id]
    the_sandbox().post_store.changed(post)
    return jsonify(data={"liked": False})


def _parent(sandbox: Sandbox, caller: Caller, reply: dict[str, Any]) -> Post:
    """Return the post that is answered. Raises Problem where the caller may not answer it."""
    post_id = reply.get("in_reply_to_tweet_id")
    if not isinstance(post_id, str) or not _ID.fullmatch(post_id):
        raise invalid("$.reply.in_reply_to_tweet_id: does not match the regex pattern ^[0-9]{1,19}$")
    parent = sandbox.post_store.visible(post_id)
    if parent is None:
        raise plain(403, POST_NOT_VISIBLE)
    if caller.app.api == "v2" and sandbox.settings.summoned_only and not _summoned(sandbox, parent, caller.account):
        raise plain(403, POST_NOT_SUMMONED)
    return parent


def _summoned(sandbox: Sandbox, parent: Post, account: User) -> bool:
    """Whether the author of a post mentioned the account or quoted it, or is the account itself."""
    quoted = sandbox.post_store.get(parent.quoted_id)
    by_quote = quoted is not None and quoted.author_id == account.id
    return parent.author_id == account.id or account.id in parent.mentioned_ids or by_quote


def _media(sandbox: Sandbox, author: User, body: dict[str, Any]) -> list[str]:
    """Return the media ids: four pictures, or one GIF or video. Raises Problem 400."""
    media = _inner(body, "media", {"call_to_actions", "embeddable", "media_ids", "preview_media_id", "tagged_user_ids"})
    if "media" not in body:
        return []
    ids = media.get("media_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= 4:
        raise invalid("$.media.media_ids: must have between 1 and 4 items")
    try:
        kinds = [sandbox.media.publish(str(media_id), author.id).kind for media_id in ids]
    except TwitterError:
        raise invalid("Your media IDs are invalid.", media__media_ids=",".join(map(str, ids))) from None
    if len(kinds) > 1 and set(kinds) != {"photo"}:
        raise invalid("$.media.media_ids: has either up to 4 photos, or 1 animated GIF or 1 video")
    return [str(media_id) for media_id in ids]


def _is_duplicate(sandbox: Sandbox, author: User, text: str, media_ids: list[str]) -> bool:
    since = time.time() - sandbox.settings.post_duplicate_seconds
    mine = (
        post for post in reversed(sandbox.post_store.shown()) if post.author_id == author.id and post.created >= since
    )
    return not media_ids and any(post.lead + post.text == text for post in mine)


def _inner(body: dict[str, Any], name: str, allowed: set[str]) -> dict[str, Any]:
    value = body.get(name, {})
    if not isinstance(value, dict) or set(value) - allowed:
        raise invalid(f"$.{name}: is not defined in the schema and the schema does not allow additional properties")
    return value


def _visible(post_id: str) -> Post:
    post = the_sandbox().post_store.visible(post_id)
    if post is None:
        raise Problem(404, not_found("tweet", "id", post_id))
    return post


def _must_be(caller: Caller, user_id: str) -> None:
    if user_id != caller.account.id:
        raise plain(403, "The `id` path parameter must be the id of the authenticating user.")
