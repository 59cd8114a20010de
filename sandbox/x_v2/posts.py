"""Posts as API v2 shows them: in lookups with the fields that were asked for, and whole in activity events."""

from dataclasses import dataclass
from typing import Any

from sandbox.people import Directory
from sandbox.twitter.post_store import Post, PostStore
from sandbox.twitter.post_text import PostText, PostTexts
from sandbox.twitter.weighted_length import MAXIMUM
from sandbox.x_v2.dm_events import MEDIA_FIELDS, media_key, shown_media, v2_entities, values_of
from sandbox.x_v2.times import iso
from sandbox.x_v2.users import event_user, shown_user

_FIELDS = frozenset(
    {
        *("article", "article_title", "attachments", "card_uri", "community_id", "context_annotations"),
        *("conversation_id", "created_at", "display_text_range", "edit_controls", "entities", "geo", "id", "lang"),
        *("matched_media_notes", "media_metadata", "non_public_metrics", "note_post", "note_request_suggestions"),
        *("organic_metrics", "paid_partnership", "possibly_sensitive", "promoted_metrics", "public_metrics"),
        *("reply_settings", "scopes", "source", "suggested_source_links", "suggested_source_links_with_counts"),
        *("text", "withheld"),
    }
)
_EXPANSIONS = frozenset(
    {
        *("article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet"),
        *("attachments.poll_ids", "author_id", "edit_history_post_ids", "entities.mentions.username", "geo.place_id"),
        *("in_reply_to_user_id", "referenced_posts", "username"),
    }
)
_EDIT_SECONDS = 3600
_METRICS = ("repost_count", "reply_count", "like_count", "quote_count", "bookmark_count", "impression_count")
# Names of lookups and what activity events call the same.
_EVENT_NAMES = {
    "edit_history_post_ids": "edit_history_tweet_ids",
    "referenced_posts": "referenced_tweets",
    "note_post": "note_tweet",
    "repost_count": "retweet_count",
}


@dataclass(frozen=True)
class AskedPosts:
    """What a caller wants to see. An expansion brings the field with it."""

    fields: frozenset[str]
    expansions: frozenset[str]
    user_fields: str
    media_fields: frozenset[str]


def asked_posts(arguments: dict[str, str]) -> AskedPosts:
    """Read the query. Raises Problem 400 that names the unknown value."""
    expansions = values_of(arguments, "expansions", _EXPANSIONS)
    fields = values_of(arguments, "post.fields", _FIELDS) | {"id", "text"}
    brought = {name.partition(".")[0] for name in expansions}
    media_fields = values_of(arguments, "media.fields", MEDIA_FIELDS) | {"media_key", "type"}
    return AskedPosts(fields | brought, expansions, arguments.get("user.fields", ""), media_fields)


class Posts:
    """Shows posts."""

    def __init__(self, directory: Directory, texts: PostTexts, post_store: PostStore) -> None:
        self._directory = directory
        self._texts = texts
        self._post_store = post_store

    def page(self, posts: list[Post], asked: AskedPosts) -> dict[str, Any]:
        """Return `data` and `includes` of some posts, without keys that would be empty."""
        data = [{name: value for name, value in self._post(post).items() if name in asked.fields} for post in posts]
        includes: dict[str, Any] = {}
        users = self._users(posts, asked.expansions)
        if users:
            includes["users"] = [shown_user(self._directory.users[each], asked.user_fields) for each in users]
        if "referenced_posts" in asked.expansions and (others := self._referenced(posts)):
            includes["posts"] = [
                {name: value for name, value in self._post(other).items() if name in asked.fields} for other in others
            ]
        if "attachments.media_keys" in asked.expansions and (media := self._media(posts)):
            includes["media"] = [
                {name: value for name, value in each.items() if name in asked.media_fields} for each in media
            ]
        return {**({"data": data} if data else {}), **({"includes": includes} if includes else {})}

    def event(self, post: Post) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return payload and `includes` of an activity event, in which every number is doubled as text."""
        payload = self._in_event(post)
        people = self._users([post], frozenset({"author_id", "entities.mentions.username"}))
        includes: dict[str, Any] = {
            "users": [event_user(self._directory.users[each])["data"] for each in people],
            "tweets": [self._in_event(each) for each in [post, *self._referenced([post])]],
        }
        if media := self._media([post]):
            includes["media"] = _as_in_events(media)
        return payload, includes

    def _in_event(self, post: Post) -> dict[str, Any]:
        shown = self._post(post)
        del shown["username"]
        made: dict[str, Any] = _as_in_events(shown)
        return made

    def _post(self, post: Post) -> dict[str, Any]:
        rendered = self._texts.of(post)
        shown: dict[str, Any] = {
            "id": post.id,
            **_text(rendered),
            "author_id": post.author_id,
            "created_at": iso(post.created),
            "conversation_id": post.conversation_id,
            "edit_history_post_ids": post.history,
            "edit_controls": {
                "edits_remaining": max(0, 6 - len(post.history)),
                "is_edit_eligible": post.in_reply_to_id is None,
                "editable_until": iso(self._first_created(post) + _EDIT_SECONDS),
            },
            "in_reply_to_user_id": post.in_reply_to_user_id,
            "referenced_posts": _references(post),
            "public_metrics": {**dict.fromkeys(_METRICS, 0), "like_count": len(post.liked_by)},
            "attachments": {"media_keys": [media_key(media) for media, _ in rendered.media]}
            if rendered.media
            else None,
            "reply_settings": "everyone",
            "possibly_sensitive": False,
            "paid_partnership": False,
            "lang": "en",
            "username": self._directory.users[post.author_id].screen_name,
        }
        return {name: value for name, value in shown.items() if value not in (None, [], {})}

    def _first_created(self, post: Post) -> float:
        first = self._post_store.get(post.history[0])
        return first.created if first else post.created

    def _users(self, posts: list[Post], expansions: frozenset[str]) -> list[str]:
        ids: dict[str, None] = {}
        for post in posts:
            if "author_id" in expansions:
                ids[post.author_id] = None
            if "in_reply_to_user_id" in expansions and post.in_reply_to_user_id:
                ids[post.in_reply_to_user_id] = None
            if "entities.mentions.username" in expansions:
                ids |= dict.fromkeys(post.mentioned_ids)
        return [each for each in ids if each in self._directory.users]

    def _referenced(self, posts: list[Post]) -> list[Post]:
        ids = [reference["id"] for post in posts for reference in _references(post)]
        return [post for each in dict.fromkeys(ids) if (post := self._post_store.visible(each))]

    def _media(self, posts: list[Post]) -> list[dict[str, Any]]:
        return [shown_media(media, entity) for post in posts for media, entity in self._texts.of(post).media]


def _text(rendered: PostText) -> dict[str, Any]:
    """Return text and entities; a long post is cut in `text`, and `note_post` has it whole."""
    entities = v2_entities(rendered.entities)
    shown: dict[str, Any] = {"display_text_range": rendered.display, "entities": entities}
    own_length = rendered.display[1] - rendered.display[0]
    if own_length <= MAXIMUM:
        return {"text": rendered.text, **shown}
    end = rendered.display[0] + MAXIMUM
    inside = {kind: [each for each in found if each["end"] <= end] for kind, found in entities.items()}
    whole = {"text": rendered.text, "entities": entities}
    return {"text": rendered.text[:end], **shown, "entities": inside, "note_post": whole}


def _references(post: Post) -> list[dict[str, str]]:
    kinds = {"replied_to": post.in_reply_to_id, "quoted": post.quoted_id, "retweeted": post.reposted_id}
    return [{"type": kind, "id": post_id} for kind, post_id in kinds.items() if post_id]


def _as_in_events(value: Any) -> Any:
    """Return the value with the names of activity events, and a `_str` beside every number of an object."""
    if isinstance(value, list):
        return [_as_in_events(each) for each in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for name, inner in value.items():
        shown = _EVENT_NAMES.get(name, str(name))
        made[shown] = _as_in_events(inner)
        if type(inner) is int:
            made[f"{shown}_str"] = str(inner)
    return made
