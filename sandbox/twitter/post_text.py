"""The text of a post as X stores it: the lead of a reply, short links, the links of a quote and of media."""

from dataclasses import dataclass
from typing import Any

from sandbox.people import Directory
from sandbox.twitter.dm import MessageContext
from sandbox.twitter.media import Media
from sandbox.twitter.media_entity import media_entity
from sandbox.twitter.post_store import Post, PostStore
from sandbox.twitter.text import render, short_link

_FOLDERS = {"photo": "media", "animated_gif": "tweet_video", "video": "ext_tw_video"}


@dataclass(frozen=True)
class PostText:
    """The text with its entities, the range of it that X displays, and the uploads with their entities."""

    text: str
    entities: dict[str, Any]
    display: list[int]
    media: list[tuple[Media, dict[str, Any]]]


class PostTexts:
    """Renders posts."""

    def __init__(self, directory: Directory, context: MessageContext, post_store: PostStore) -> None:
        self._directory = directory
        self._context = context
        self._post_store = post_store

    def of(self, post: Post) -> PostText:
        """Return the text of a post."""
        uploads = [found for each in post.media_ids if (found := self._context.find_media(each))]
        typed = post.lead + post.text
        if quoted := self._post_store.get(post.quoted_id):
            typed = f"{typed} {self.address(quoted)}".lstrip()
        if reposted := self._post_store.get(post.reposted_id):
            name = self._directory.users[reposted.author_id].screen_name
            typed = f"RT @{name}: {reposted.lead}{reposted.text}"
        link = self._link(post, uploads[0]) if uploads else None
        rendered = render(typed, self._context.find_user, link, separator=" " if typed else "")
        own = [url["indices"][0] for url in rendered.entities["urls"] if self._leads_away(url, post)]
        end = min([*own, len(rendered.text)])
        display = [len(post.lead), max(len(post.lead), len(rendered.text[:end].rstrip()))]
        media: list[tuple[Media, dict[str, Any]]] = []
        if link is not None:
            indices = rendered.entities["urls"][-1]["indices"]
            folder = f"{self._context.base_url}/"
            media = [(each, media_entity(each, folder + _FOLDERS[each.kind], link, indices)) for each in uploads]
        return PostText(rendered.text, rendered.entities, display, media)

    def address(self, post: Post) -> str:
        """Return the address of a post."""
        return f"https://twitter.com/{self._directory.users[post.author_id].screen_name}/status/{post.id}"

    def _link(self, post: Post, media: Media) -> dict[str, str]:
        short = short_link(media.id)
        part = "photo" if media.kind == "photo" else "video"
        return {
            "url": short,
            "expanded_url": f"{self.address(post)}/{part}/1",
            "display_url": short.replace("https://t.co/", "pic.twitter.com/"),
        }

    def _leads_away(self, url: dict[str, Any], post: Post) -> bool:
        """Whether a link is that of the post's media or of the post it quotes, which X does not display."""
        quoted = self._post_store.get(post.quoted_id)
        hidden = [self.address(post) + "/", *([self.address(quoted)] if quoted else [])]
        return any(url["expanded_url"].startswith(each) for each in hidden)
