"""CIM message -> what to do at Twitter. Pure."""

from __future__ import annotations

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MarkRead, Plan, ShowTyping, Skip

from . import registry


def to_plan(message: CimMessage, *, public_base: str | None = None) -> Plan | ShowTyping | MarkRead | Skip:
    """Return what to do for a message, or why nothing is to be done.

    public_base: the address under which customers reach the file engine, for links to files; None where they do
    not. Raises UnsupportedKind where the message cannot be sent.
    """
    if message.body.get("isWhisper") is True:
        return Skip("whisper")  # agent to agent; nothing else in the message marks it
    kind = registry.BY_TYPE.get(message.type)
    if kind is not None:
        return kind.to_plan(message, public_base)
    if message.type in registry.IGNORED:
        return Skip(f"ignored_{message.type.lower()}")
    sentence = registry.UNSUPPORTED.get(message.type)
    raise UnsupportedKind(
        "unsupported_kind",
        sentence
        or "Twitter Direct Messages cannot carry this kind of message, and this connector does not know it. "
        "Send the customer a text instead.",
    )
