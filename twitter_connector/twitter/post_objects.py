"""Public posts in one form, whichever API shows them: what is stored of a post, and how it is read back.

The readers of X's own forms are `tweet_objects` (Account Activity) and `v2/posts` (API v2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from twitter_connector.errors import Permanent
from twitter_connector.model.event import Link, Media, Person, RawEvent, Variant, id_text
from twitter_connector.model.json_fields import integer_of, mapping_of, mappings_in, text_of
from twitter_connector.model.post import POST, POST_DELETED, PostDeleted, PostReceived
from twitter_connector.model.timestamps import LAST_MS, id_ms, moment


def no_comment(account_id: str) -> RawEvent:
    """Return a post that is only counted: a repost, or one that names no author."""
    return RawEvent(POST, account_id)


def post_event(
    account_id: str,
    post_id: str,
    author: Person,
    *,
    created_ms: int | None,
    text: str,
    addressed: Sequence[str],
    links: Iterable[Link] = (),
    media: Iterable[Media] = (),
    thread_id: str = "",
    parent_id: str = "",
    versions: object = None,
) -> RawEvent:
    """Return a post as an event. Values X does not show are ""; created_ms is None then. versions: X's list of the ids
    of all its versions, oldest first."""
    if not post_id or not author.id:
        return no_comment(account_id)
    at = created_ms if created_ms is not None and 0 <= created_ms <= LAST_MS else min(id_ms(post_id), LAST_MS)
    stored = {
        "id": post_id,
        "author": asdict(author),
        "at": at,
        "text": text,
        "links": [[link.short, link.expanded] for link in links],
        "media": [asdict(each) for each in media],
        "thread_id": thread_id,
        "parent_id": parent_id,
        "earlier_versions": _earlier(versions, post_id),
    }
    return RawEvent(
        POST,
        account_id,
        author.id,
        post_id,
        at,
        own=author.id == account_id,
        envelope={"for_user_id": account_id, POST: [stored]},
        addressed=tuple(addressed),
    )


def deletion_event(account_id: str, post_id: str, author_id: str, created_ms: int | None) -> RawEvent:
    """Return the deletion of a post as an event. created_ms: None if X does not say when it was deleted."""
    if not post_id or not author_id:
        return RawEvent(POST_DELETED, account_id)
    at = created_ms if created_ms is not None and 0 <= created_ms <= LAST_MS else 0
    envelope = {"for_user_id": account_id, POST_DELETED: [{"id": post_id, "author_id": author_id, "at": at}]}
    own = author_id == account_id
    # In its lane, a deletion stands right behind the post.
    right_behind = str(int(post_id) + 1)
    return RawEvent(POST_DELETED, account_id, author_id, post_id, at, own=own, envelope=envelope, order_id=right_behind)


def load(envelope: Mapping[str, Any]) -> PostReceived | PostDeleted | None:
    """Return the post or deletion of a stored envelope; None where it holds neither.

    Raises Permanent(unreadable_event).
    """
    account_id = text_of(envelope.get("for_user_id"))
    if posts := mappings_in(envelope, POST):
        return _received(account_id, posts[0])
    if deletions := mappings_in(envelope, POST_DELETED):
        gone = deletions[0]
        author, post_id = id_text(gone.get("author_id")), id_text(gone.get("id"))
        at = integer_of(gone.get("at"))
        return PostDeleted(account_id, author, post_id, moment(at) if at else None)
    return None


def _received(account_id: str, stored: Mapping[str, Any]) -> PostReceived:
    author = mapping_of(stored.get("author"))
    post_id, author_id, at = id_text(stored.get("id")), id_text(author.get("id")), integer_of(stored.get("at"))
    if not post_id or not author_id or at is None:
        raise Permanent("unreadable_event", "The stored post is not of the form of this version.", ours=True)
    return PostReceived(
        account_id,
        author_id,
        post_id,
        moment(at),
        text=text_of(stored.get("text")),
        links=tuple(Link(*pair) for pair in stored.get("links", ())),
        sender=Person(author_id, text_of(author.get("name")), text_of(author.get("screen_name"))),
        media=tuple(_media(each) for each in mappings_in(stored, "media")),
        thread_id=text_of(stored.get("thread_id")),
        parent_id=text_of(stored.get("parent_id")),
        earlier_versions=tuple(stored.get("earlier_versions", ())),
    )


def _earlier(versions: object, post_id: str) -> list[str]:
    ids = [id_text(version) for version in versions] if isinstance(versions, list) else []
    return [version for version in ids if version not in ("", post_id)]


def _media(stored: Mapping[str, Any]) -> Media:
    variants = tuple(Variant(**variant) for variant in mappings_in(stored, "variants"))
    return Media(**{**stored, "variants": variants})
