"""Posts and deletions in the form of Account Activity (v1.1 and v2).

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from twitter_connector.model.event import Link, Person, RawEvent, id_text
from twitter_connector.model.json_fields import integer_of, mapping_of, mappings_in, text_of
from twitter_connector.model.post import MENTIONS, REPLIES
from twitter_connector.model.timestamps import epoch_ms

from .dm_attachments import media_of
from .post_objects import deletion_event, no_comment, post_event


def created(tweet: Mapping[str, Any], account_id: str) -> RawEvent:
    """Return a post of `tweet_create_events`. A repost is only counted."""
    if tweet.get("retweeted_status"):
        return no_comment(account_id)
    user = mapping_of(tweet.get("user"))
    # A post of more than 140 characters is cut, and is whole inside.
    whole = mapping_of(tweet.get("extended_tweet")) or tweet
    entities, extended = mapping_of(whole.get("entities")), mapping_of(whole.get("extended_entities"))
    media = [media_of(each) for each in mappings_in(extended, "media") or mappings_in(entities, "media")]
    mentioned = {_id(each) for each in mappings_in(entities, "user_mentions")}
    parent = id_text(tweet.get("in_reply_to_status_id_str")) or id_text(tweet.get("in_reply_to_status_id"))
    # X names a user also for a post that only begins with a mention.
    user_id = id_text(tweet.get("in_reply_to_user_id_str")) or id_text(tweet.get("in_reply_to_user_id"))
    answered = user_id if parent else ""
    return post_event(
        account_id,
        _id(tweet),
        Person(_id(user), text_of(user.get("name")), text_of(user.get("screen_name"))),
        created_ms=_created_ms(tweet),
        text=text_of(whole.get("full_text")) or text_of(whole.get("text")),
        addressed=[MENTIONS] * (account_id in mentioned) + [REPLIES] * (account_id == answered),
        links=[
            Link(text_of(url.get("url")), text_of(url.get("expanded_url")) or text_of(url.get("url")))
            for url in mappings_in(entities, "urls")
        ],
        media=media,
        parent_id=parent,
        versions=mapping_of(tweet.get("edit_history")).get("edit_tweet_ids"),
    )


def deleted(event: Mapping[str, Any], account_id: str) -> RawEvent:
    """Return a deletion of `tweet_delete_events`."""
    status = mapping_of(event.get("status"))
    at = integer_of(event.get("timestamp_ms"))
    return deletion_event(account_id, _id(status), id_text(status.get("user_id")), at)


def _id(fields: Mapping[str, Any]) -> str:
    return id_text(fields.get("id_str")) or id_text(fields.get("id"))


def _created_ms(tweet: Mapping[str, Any]) -> int | None:
    ms = integer_of(tweet.get("timestamp_ms"))
    if ms is not None:
        return ms
    try:
        return epoch_ms(datetime.strptime(text_of(tweet.get("created_at")), "%a %b %d %H:%M:%S %z %Y"))
    except ValueError:
        return None
