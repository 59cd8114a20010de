"""Every CIM body type, in exactly one of three places: handled, ignored on purpose, or refused aloud."""

from __future__ import annotations

from twitter_connector.translate.kinds import text

KINDS = (text.KIND,)

# Not for the customer. Answered with 202, counted, and that is all.
IGNORED = {
    "ACTION": "an order to a CIM component",
    "CUSTOM": "internal to the platform",
    "DELETEDNOTIFICATION": "a Direct Message cannot be taken back from the customer",
    "DELIVERYNOTIFICATION": "what an agent has read; becomes a read receipt in a later release",
    "EMAIL": "belongs to the e-mail channel",
    "NOTIFICATION": "a notice between the platform's parts",
    "RECEIPT": "internal to the platform",
    "STRUCTUREDMESSAGE": "internal to the platform",
    "VOICE": "belongs to the voice channel",
    "WRAPUP": "a note between agents; the customer never sees it",
}

_LATER = "This kind of message cannot be sent to Twitter yet; send the customer a text instead."
# For the customer, but a Direct Message cannot carry it: CIM hears FAILED with this sentence.
UNSUPPORTED = {
    "AUDIO": _LATER,
    "BUTTON": _LATER,
    "CAROUSEL": _LATER,
    "COMMENT": "Public replies do not belong to this channel, which carries Direct Messages only.",
    "CONTACT": _LATER,
    "FILE": _LATER,
    "FORM_DATA": _LATER,
    "IMAGE": _LATER,
    "LIST": _LATER,
    "LOCATION": _LATER,
    "MULTIMEDIA": _LATER,
    "STICKER": _LATER,
    "TEMPLATE": _LATER,
    "URL": _LATER,
    "VIDEO": _LATER,
}

BY_TYPE = {type_: kind for kind in KINDS for type_ in kind.types}
