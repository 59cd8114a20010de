"""What an X API can carry. Translation depends on this, never on the name of the API."""

from __future__ import annotations

from dataclasses import dataclass

# What X takes in one post from every account, and from those with a paid subscription.
POST_MAX, LONG_POST_MAX = 280, 25_000


@dataclass(frozen=True)
class Capabilities:
    """What one flavour of X's API can do with Direct Messages. The defaults are the widest API: everything.

    text_max_chars: how long one message may be. quick_replies: tappable options below a message. link_buttons: web
    addresses on buttons below a message. location: a point on a map as an attachment. media: files as attachments, one
    for each message. typing: show the customer that the agent is typing. read_marks: mark a conversation as read.
    post_max: how long a public post may be, as X counts. post_threads: divide a longer one into a thread of posts.
    """

    text_max_chars: int = 10_000
    quick_replies: bool = True
    link_buttons: bool = True
    location: bool = True
    media: bool = True
    typing: bool = True
    read_marks: bool = True
    post_max: int = POST_MAX
    post_threads: bool = True

    def names(self) -> list[str]:
        """Return what is possible as the words of the `can` list in our answers, "text" first."""
        offered = {
            "media": self.media,
            "quick_replies": self.quick_replies,
            "buttons": self.link_buttons,
            "location": self.location,
            "typing": self.typing,
            "read": self.read_marks,
        }
        return ["text", *(name for name, possible in offered.items() if possible)]


EVERYTHING = Capabilities()
