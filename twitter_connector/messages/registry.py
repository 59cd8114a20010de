"""All CIM body types: each is handled by a kind, ignored, or refused with a sentence."""

from __future__ import annotations

from .kinds import (
    buttons,
    carousel,
    comment,
    contact,
    delivery_report,
    file,
    image_video,
    link,
    list_form,
    location,
    template,
    text,
    typing,
)

KINDS = (
    text.KIND,
    image_video.KIND,
    file.KIND,
    buttons.KIND,
    carousel.KIND,
    comment.KIND,
    link.KIND,
    location.KIND,
    contact.KIND,
    template.KIND,
    list_form.KIND,
    typing.KIND,
    delivery_report.KIND,
)

# Not for the customer: answered with 202 and counted.
IGNORED = {
    "ACTION": "an order to a CIM component",
    "CUSTOM": "internal to the platform",
    "DELETEDNOTIFICATION": "a Direct Message cannot be taken back from the customer",
    "EMAIL": "belongs to the e-mail channel",
    "RECEIPT": "internal to the platform",
    "STRUCTUREDMESSAGE": "internal to the platform",
    "VOICE": "belongs to the voice channel",
    "WHISPER": "a message between agents; the customer never sees it",
    "WRAPUP": "a note between agents; the customer never sees it",
}

# For the customer, but no kind can carry it: CIM gets FAILED with this sentence. No type of CIM is such at present.
UNSUPPORTED: dict[str, str] = {}

BY_TYPE = {type_: kind for kind in KINDS for type_ in kind.types}
