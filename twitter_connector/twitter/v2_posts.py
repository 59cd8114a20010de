"""Posts as API v2 shows them: in events of the X Activity API, and in look-ups.

Events and look-ups name some fields differently: X renamed tweets to posts in one of them only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from twitter_connector.model.event import Link, Media, Person, RawEvent, Variant, id_text
from twitter_connector.model.json_fields import integer_of, mapping_of, mappings_in, text_of
from twitter_connector.model.post import MENTIONS, REPLIES, OwnPost
from twitter_connector.model.timestamps import epoch_ms, id_ms

from .post_objects import no_comment, post_event

# What a look-up asks for.
FIELDS = "attachments,conversation_id,created_at,entities,id,note_post,text"
EXPANSIONS = "attachments.media_keys,author_id,edit_history_post_ids,in_reply_to_user_id,referenced_posts"
MEDIA_FIELDS = "media_key,type,url,preview_image_url,variants,duration_ms,alt_text"
USER_FIELDS = "id,name,username"
# X's page of an attached picture or video, whose link X adds to the text.
_MEDIA_PAGE = re.compile(r"https?://(?:www\.)?(?:twitter|x)\.com/[^/]+/status/\d+/(?:photo|video)/\d+")


def post_of(
    post: Mapping[str, Any], includes: Mapping[str, Any], account_id: str, addressed_by: tuple[str, ...] = ()
) -> RawEvent:
    """Return a post as an event. A repost is only counted. addressed_by: how it addresses the account, where X says."""
    references = {text_of(each.get("type")): id_text(each.get("id")) for each in _references(post)}
    if "retweeted" in references:
        return no_comment(account_id)
    author_id, whole = id_text(post.get("author_id")), _whole(post)
    users = {id_text(user.get("id")): user for user in mappings_in(includes, "users")}
    author = users.get(author_id, {})
    mentioned = {id_text(each.get("id")) for each in mappings_in(mapping_of(whole.get("entities")), "mentions")}
    # X names a user also for a post that only begins with a mention.
    answered = id_text(post.get("in_reply_to_user_id")) if "replied_to" in references else ""
    found = [MENTIONS] * (account_id in mentioned) + [REPLIES] * (account_id == answered)
    links, media_link = _links(whole)
    post_id = id_text(post.get("id"))
    return post_event(
        account_id,
        post_id,
        Person(author_id, text_of(author.get("name")), text_of(author.get("username"))),
        created_ms=_created_ms(post, post_id),
        text=text_of(whole.get("text")),
        addressed=tuple(dict.fromkeys([*addressed_by, *found])),
        links=links,
        media=_media(post, includes, media_link),
        thread_id=id_text(post.get("conversation_id")) or post_id,
        parent_id=references.get("replied_to", ""),
        versions=post.get("edit_history_post_ids") or post.get("edit_history_tweet_ids"),
    )


def own_post(post: Mapping[str, Any]) -> OwnPost:
    """Return a post of the account's own timeline."""
    references = {text_of(each.get("type")): id_text(each.get("id")) for each in _references(post)}
    whole, post_id = _whole(post), id_text(post.get("id"))
    links, media_link = _links(whole)
    links = [*links, *([Link(media_link, "")] if media_link else [])]
    at = _created_ms(post, post_id)
    return OwnPost(post_id, at or 0, references.get("replied_to", ""), text_of(whole.get("text")), tuple(links))


def _whole(post: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return text and entities of a post. A long one is cut, and is whole inside."""
    note = mapping_of(post.get("note_post")) or mapping_of(post.get("note_tweet"))
    return note if text_of(note.get("text")) else post


def _references(post: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return mappings_in(post, "referenced_posts", "referenced_tweets")


def _links(whole: Mapping[str, Any]) -> tuple[list[Link], str]:
    """Return the links of a text, and the one that X added for attached files; "" without one."""
    links, media_link = [], ""
    for url in mappings_in(mapping_of(whole.get("entities")), "urls"):
        short = text_of(url.get("url"))
        target = text_of(url.get("expanded_url")) or text_of(url.get("unwound_url"))
        if url.get("media_key") or _MEDIA_PAGE.fullmatch(target):
            media_link = short
        elif short:
            links.append(Link(short, target or short))
    return links, media_link


def _media(post: Mapping[str, Any], includes: Mapping[str, Any], link: str) -> list[Media]:
    keys = mapping_of(post.get("attachments")).get("media_keys")
    shown = {text_of(each.get("media_key")): each for each in mappings_in(includes, "media")}
    return [_one(str(key), shown.get(str(key), {}), link) for key in keys] if isinstance(keys, list) else []


def _one(key: str, media: Mapping[str, Any], link: str) -> Media:
    return Media(
        id=key.partition("_")[2] or key,
        kind=text_of(media.get("type")),
        url=text_of(media.get("url")) or text_of(media.get("preview_image_url")),
        link=link,
        variants=tuple(
            Variant(text_of(v.get("url")), text_of(v.get("content_type")), integer_of(v.get("bit_rate")))
            for v in mappings_in(media, "variants")
            if text_of(v.get("url"))
        ),
        duration_ms=integer_of(media.get("duration_ms")),
    )


def _created_ms(post: Mapping[str, Any], post_id: str) -> int | None:
    try:
        at = datetime.fromisoformat(text_of(post.get("created_at")))
    except ValueError:
        return id_ms(post_id) if post_id else None
    return epoch_ms(at) if at.tzinfo else id_ms(post_id)
