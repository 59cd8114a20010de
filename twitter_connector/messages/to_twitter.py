"""What to do at X for a CIM message. Pure."""

from __future__ import annotations

from dataclasses import replace

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MarkRead, Plan, PostPlan, SendDm, ShowTyping, Skip

from . import registry
from .kind import Outcome
from .kinds import comment
from .text import split_lines

# The length of words in public is judged as X counts posts.
_ANY_LENGTH = 1_000_000
# The most messages or posts that one message of CIM becomes. X's own app offers threads of 25 posts.
MESSAGES_MAX, POSTS_MAX = 50, 25
_UNKNOWN = (
    "X's Direct Messages cannot carry this kind of message, and this connector does not know it. Send the customer "
    "a text instead."
)


def to_plan(message: CimMessage, *, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Outcome:
    """Return what to do for a message, or why nothing is to be done.

    public_base: the address under which customers reach the file engine, for links to files; None if they do not.
    can: what the account's X API can carry; anything else becomes words. Raises UnsupportedKind if the message cannot
    be sent.
    """
    if message.is_whisper:
        return Skip("whisper")
    kind = registry.BY_TYPE.get(message.type)
    if kind is not None and message.in_public and not comment.is_private(message):
        # Everything becomes words, except files.
        words = replace(can, text_max_chars=_ANY_LENGTH, quick_replies=False, link_buttons=False, location=False)
        return _bounded(_in_public(message, kind.to_plan(message, public_base, words), can))
    if kind is not None:
        return _bounded(fitting(kind.to_plan(message, public_base, can), can))
    if message.type in registry.IGNORED:
        return Skip(f"ignored_{message.type.lower()}")
    raise UnsupportedKind("unsupported_kind", registry.UNSUPPORTED.get(message.type, _UNKNOWN))


def _in_public(message: CimMessage, outcome: Outcome, can: Capabilities) -> Outcome:
    """Return the posts of a message in a conversation by comments. There are no typing indicators and read marks."""
    if isinstance(outcome, ShowTyping | MarkRead):
        return Skip("not_in_public")
    return comment.in_public(outcome, message, can) if isinstance(outcome, Plan) else outcome


def _bounded(outcome: Outcome) -> Outcome:
    """Return an outcome. Raises UnsupportedKind if the customer would get too many messages or posts at once."""
    if isinstance(outcome, Plan) and len(outcome.steps) > MESSAGES_MAX:
        raise UnsupportedKind(
            "text_too_long",
            f"The message would become {len(outcome.steps)} Direct Messages; the limit is {MESSAGES_MAX}. Shorten it.",
        )
    if isinstance(outcome, PostPlan) and len(outcome.steps) > POSTS_MAX:
        raise UnsupportedKind(
            "post_too_long",
            f"The message would become {len(outcome.steps)} posts; the limit is {POSTS_MAX}. Shorten it, or send it as "
            "a private reply.",
        )
    return outcome


def fitting(outcome: Outcome, can: Capabilities) -> Outcome:
    """Return an outcome that this X API can carry out, with texts of its length."""
    if isinstance(outcome, ShowTyping) and not can.typing:
        return Skip("typing_not_possible")
    if isinstance(outcome, MarkRead) and not can.read_marks:
        return Skip("read_marks_not_possible")
    if isinstance(outcome, Plan) and any(len(step.text) > can.text_max_chars for step in outcome.steps):
        steps = tuple(part for step in outcome.steps for part in _parts(step, can.text_max_chars))
        return replace(outcome, steps=steps)
    return outcome


def _parts(step: SendDm, limit: int) -> list[SendDm]:
    # The file goes with the first part; what is shown below the message goes with the last.
    texts = [text for text in split_lines(step.text, limit) if text.strip()]
    if len(texts) < 2:
        return [step]
    first, *middle, last = texts
    above, below = SendDm(first, step.media), replace(step, text=last, media=None)
    return [above, *map(SendDm, middle), below]
