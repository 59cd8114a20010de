"""COMMENT: public posts of customers, and what agents do in public: answer, like, hide, delete, answer by DM.

https://docs.x.com/x-api/posts/manage-tweets/introduction
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid5

from twitter_connector.errors import ConnectorError, UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import mapping_in, spelling, text_in
from twitter_connector.model.message import SM, CimMessage, Header, MediaPart, StoredFile
from twitter_connector.model.plan import ActOnPost, MediaRef, Plan, PostPlan, SendDm, SendPost
from twitter_connector.model.post import PostDeleted, PostReceived
from twitter_connector.model.timestamps import epoch_ms

from ..attachment import attachment_of, name_in, stored_body, words_with
from ..kind import Kind, Outcome
from ..message_ids import NAMESPACE, message_id, split_name
from ..post_length import posts_of, weighted_length
from ..text import fingerprint, readable_text, sent_fingerprint
from . import image_video

_ACTIONS = {"like": "like", "unlike": "unlike", "hide": "hide", "delete": "delete"}
_ANSWERS = frozenset({"", "text", "image", "video"})
PRIVATE_REPLY = "privatereply"
# The channel's attributes that switch off what agents do in public, by `itemType`.
ATTRIBUTES = {
    "TEXT": "COMMENT_REPLY_SUPPORT_SM",
    "IMAGE": "COMMENT_REPLY_SUPPORT_SM",
    "VIDEO": "COMMENT_REPLY_SUPPORT_SM",
    "LIKE": "LIKE_SUPPORT_SM",
    "UNLIKE": "LIKE_SUPPORT_SM",
    "HIDE": "HIDE_SUPPORT_SM",
    "DELETE": "DELETE_SUPPORT_SM",
    "PRIVATE_REPLY": "PRIVATE_REPLY_SUPPORT_SM",
}
ALT_TEXT_MAX = 1000


def received(post: PostReceived) -> tuple[CimMessage | MediaPart, ...]:
    """Return what a customer's post becomes: its text, then a COMMENT for each file, since CIM's has one attachment;
    its deletion last, if X reported that first."""
    first, last = split_name(post.sender)
    header = Header(
        account_id=post.account_id,
        customer_id=post.customer_id,
        first_name=first,
        last_name=last,
        timestamp=post.created_at,
        intent="UPDATE" if post.updates else None,
        original_message_id=message_id(post.account_id, post.updates) if post.updates else None,
        provider_message_id=post.event_id,
        message_type=SM,
    )
    words = readable_text(post.text, post.links, drop=next((media.link for media in post.media), ""))
    made: list[CimMessage | MediaPart] = []
    if words.strip() or not post.media:
        made.append(CimMessage("", header, body_of(words, post.thread_id)))
    made += [MediaPart("", header, media, thread_id=post.thread_id) for media in post.media]
    comments = [
        replace(each, id=message_id(post.account_id, post.event_id, number)) for number, each in enumerate(made)
    ]
    deletion = post.deletion
    if deletion is None:
        return tuple(comments)
    return (*comments, *deleted(replace(deletion, comment_ids=tuple(each.id for each in comments))))


def body_of(words: str, thread_id: str) -> dict[str, Any]:
    """Return the body of a COMMENT without a file."""
    return {"type": "COMMENT", "markdownText": words, "postId": thread_id, "itemType": "TEXT", "attachment": None}


def media_of(part: MediaPart, stored: StoredFile) -> CimMessage:
    """Return the COMMENT of a file of a post."""
    item = "IMAGE" if stored.mime_type.startswith("image/") else "VIDEO"
    attachment = stored_body(item, stored)["attachment"]
    body = {**body_of("", part.thread_id), "itemType": item, "attachment": attachment}
    return CimMessage(part.id, part.header, body)


def note_of(part: MediaPart, error: ConnectorError) -> CimMessage:
    """Return the note in place of a file of a post."""
    note = image_video.note_of(part, error)
    return replace(note, body=body_of(str(note.body["markdownText"]), part.thread_id))


def deleted(deletion: PostDeleted) -> tuple[CimMessage, ...]:
    """Return what tells CIM that a customer deleted a post, for each comment of it. Its time must be known."""
    assert deletion.created_at is not None
    header = Header(
        account_id=deletion.account_id,
        customer_id=deletion.customer_id,
        timestamp=deletion.created_at,
        message_type=SM,
    )
    body = {"type": "DELETEDNOTIFICATION", "markdownText": "", "timestamp": epoch_ms(deletion.created_at)}
    return tuple(CimMessage(deletion_id(each), header, {**body, "messageId": each}) for each in deletion.comment_ids)


def deletion_id(comment_id: str) -> str:
    """Return the id of the message that tells CIM that a comment was deleted."""
    return str(uuid5(NAMESPACE, f"{comment_id}:deleted"))


def update_id(comment_id: str) -> str:
    """Return the id under which the post is stored whose comment this one updates."""
    return str(uuid5(NAMESPACE, f"{comment_id}:updates"))


def is_private(message: CimMessage) -> bool:
    """Return whether an agent answers a comment by Direct Message."""
    return message.type == "COMMENT" and _item(message) == PRIVATE_REPLY


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Outcome:
    """Return the posts, the act, or the Direct Messages of a private reply. Raises UnsupportedKind."""
    item = _item(message)
    if item in _ACTIONS:
        return ActOnPost(_ACTIONS[item])
    ref = attachment_of(message.body)
    if item == PRIVATE_REPLY:
        return image_video.to_plan(message, public_base, can)
    if item not in _ANSWERS:
        named = str(message.body.get("itemType"))
        raise UnsupportedKind("unsupported_kind", f"X has nothing in public like {named:.40}. Send a text instead.")
    words = words_with(message, ref)
    if ref is None and not words.strip():
        raise UnsupportedKind(
            "empty_text",
            "The comment has neither text nor file, so there is nothing to publish. Write a text or attach a file.",
        )
    return _posts([SendDm(words, ref)], _alt_text(message, ref), can)


def in_public(plan: Plan, message: CimMessage, can: Capabilities) -> PostPlan:
    """Return the posts of a message that would be Direct Messages elsewhere. Raises UnsupportedKind if too long."""
    return _posts(list(plan.steps), _alt_text(message, attachment_of(message.body)), can)


def post_fingerprint(text: str) -> str:
    """Return a digest of a text as we publish it. X may put names before an answer, which do not count."""
    return sent_fingerprint(_without_names(text))


def shown_fingerprint(text: str, links: Any) -> str:
    """Return the digest of a text as X shows it."""
    return fingerprint(_without_names(text), links)


def _without_names(text: str) -> str:
    words = text.split(" ")
    while words and words[0].startswith("@"):
        del words[0]
    return " ".join(words)


def _posts(steps: list[SendDm], alt_text: str, can: Capabilities) -> PostPlan:
    posts: list[SendPost] = []
    for step in steps:
        if not step.text.strip():
            posts.append(SendPost("", step.media, alt_text))
            continue
        if not can.post_threads and weighted_length(step.text) > can.post_max:
            raise UnsupportedKind(
                "post_too_long",
                f"The text counts {weighted_length(step.text):,} characters at X, which takes {can.post_max:,} in one "
                "post. Shorten it.",
            )
        texts = posts_of(step.text, can.post_max)
        posts += [SendPost(text, None if n else step.media, "" if n else alt_text) for n, text in enumerate(texts)]
    return PostPlan(tuple(posts))


def _alt_text(message: CimMessage, ref: MediaRef | None) -> str:
    """Return the words that describe the file: its label, unless that is only its name."""
    attachment, details = mapping_in(message.body, "attachment"), mapping_in(message.body, "additionalDetails")
    label = text_in(details, "altText", "alt_text") or text_in(attachment, "altText", "mediaLabel")
    if ref is None or label in {ref.name, name_in(ref.url)}:
        return ""
    return label[:ALT_TEXT_MAX]


def _item(message: CimMessage) -> str:
    return spelling(message.body.get("itemType"))


KIND = Kind(("COMMENT",), to_plan)
