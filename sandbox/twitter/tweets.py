"""Posts as API v1.1 shows them, and the bodies of their Account Activity events. Sends nothing."""

from datetime import UTC, datetime
from typing import Any

from sandbox.people import Directory, User
from sandbox.snowflake import created_ms
from sandbox.twitter.bodies import profile
from sandbox.twitter.post_store import Post, PostStore
from sandbox.twitter.post_text import PostTexts

_SOURCE = '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>'
# A longer text is cut in `text`; `extended_tweet` has the whole.
_COMPATIBLE_CHARACTERS = 140
_EDIT_MS = 3_600_000


class Tweets:
    """Builds Tweet objects and bodies."""

    def __init__(self, directory: Directory, texts: PostTexts, post_store: PostStore) -> None:
        self._directory = directory
        self._texts = texts
        self._post_store = post_store

    def created(self, post: Post, user_id: str) -> dict[str, Any]:
        """Return the body that tells an account of a post."""
        body: dict[str, Any] = {"for_user_id": user_id, "tweet_create_events": [self.tweet(post)]}
        if user_id in post.mentioned_ids:
            body["user_has_blocked"] = False
        return body

    def deleted(self, post: Post, user_id: str, now_ms: str) -> dict[str, Any]:
        """Return the body that tells an account of a deleted post."""
        status = {"id": post.id, "user_id": post.author_id}
        return {"for_user_id": user_id, "tweet_delete_events": [{"status": status, "timestamp_ms": now_ms}]}

    def tweet(self, post: Post) -> dict[str, Any]:
        """Return the Tweet object of a post."""
        made = datetime.fromtimestamp(created_ms(post.id) / 1000, UTC)
        parent, author = self._post_store.get(post.in_reply_to_id), self._directory.users[post.author_id]
        answered = self._directory.users.get(post.in_reply_to_user_id or "")
        shown: dict[str, Any] = {
            "created_at": f"{made:%a %b %d %H:%M:%S +0000 %Y}",
            "id": int(post.id),
            "id_str": post.id,
            **self._content(post),
            "source": _SOURCE,
            "in_reply_to_status_id": int(parent.id) if parent else None,
            "in_reply_to_status_id_str": parent.id if parent else None,
            "in_reply_to_user_id": int(answered.id) if answered else None,
            "in_reply_to_user_id_str": answered.id if answered else None,
            "in_reply_to_screen_name": answered.screen_name if answered else None,
            "user": _user(author),
            "geo": None,
            "coordinates": None,
            "place": None,
            "contributors": None,
            "is_quote_status": post.quoted_id is not None,
            "quote_count": 0,
            "reply_count": 0,
            "retweet_count": 0,
            "favorite_count": len(post.liked_by),
            "favorited": False,
            "retweeted": False,
            "filter_level": "low",
            "lang": "en",
            "timestamp_ms": str(created_ms(post.id)),
            **_edits(post),
        }
        if quoted := self._post_store.get(post.quoted_id):
            shown |= {"quoted_status_id": int(quoted.id), "quoted_status_id_str": quoted.id}
            shown["quoted_status"] = self.tweet(quoted)
        if reposted := self._post_store.get(post.reposted_id):
            shown["retweeted_status"] = self.tweet(reposted)
        return shown

    def _content(self, post: Post) -> dict[str, Any]:
        """Return text and entities; a long text is cut, and `extended_tweet` has it whole."""
        rendered = self._texts.of(post)
        media = [entity for _, entity in rendered.media]
        entities: dict[str, Any] = {**rendered.entities, "urls": _without_media(rendered.entities["urls"], media)}
        whole: dict[str, Any] = {
            "display_text_range": rendered.display,
            "entities": {**entities, **({"media": media[:1]} if media else {})},
            **({"extended_entities": {"media": media}} if media else {}),
        }
        if len(rendered.text) <= _COMPATIBLE_CHARACTERS:
            return {"text": rendered.text, "truncated": False, **whole}
        cut = f"{rendered.text[: _COMPATIBLE_CHARACTERS - 25].rstrip()}… https://t.co/sandboxCut"
        inside = {
            kind: [entity for entity in found if entity["indices"][1] < _COMPATIBLE_CHARACTERS - 25]
            for kind, found in entities.items()
        }
        extended = {"full_text": rendered.text, **whole}
        return {"text": cut, "truncated": True, "entities": inside, "extended_tweet": extended}


def _user(user: User) -> dict[str, Any]:
    made = datetime.fromtimestamp(int(user.created_timestamp) / 1000, UTC)
    known = {name: value for name, value in profile(user).items() if name != "created_timestamp"}
    return {
        **known,
        "id": int(user.id),
        "id_str": user.id,
        "created_at": f"{made:%a %b %d %H:%M:%S +0000 %Y}",
        "favourites_count": 0,
        "listed_count": 0,
        "lang": None,
    }


def _edits(post: Post) -> dict[str, Any]:
    """Return the fields of an edited post; there are none for a first version."""
    if len(post.history) < 2:
        return {}
    return {
        "edit_history": {"initial_tweet_id": post.history[0], "edit_tweet_ids": post.history},
        "edit_controls": {
            "editable_until_ms": created_ms(post.history[0]) + _EDIT_MS,
            "edits_remaining": max(0, 6 - len(post.history)),
        },
        "editable": True,
    }


def _without_media(urls: list[dict[str, Any]], media: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the links but that of the media, which is an entity of its own."""
    own = {entity["url"] for entity in media}
    return [url for url in urls if url["url"] not in own]
