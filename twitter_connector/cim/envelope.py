"""The CIM envelope and header, both ways. The body belongs to its kind.

Two shapes arrive: the present one, and the one of CX 4.2 and earlier with the session embedded. One shape leaves,
that of object model 1.12.6 and later, which every CCM since CX 4.3 reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from twitter_connector.model.message import DM, SM, CimMessage, Header
from twitter_connector.model.timestamps import epoch_ms, moment

# A fixed id for this connector, by which CIM knows its messages.
CONNECTOR_SENDER_ID = "c1d2b0f4-5b7e-4d0a-8f2e-6a1f7c9e4b35"
CONNECTOR_NAME = "TWITTER_CONNECTOR"

# Ids become parts of keys and log lines, so their length is limited. The longest known are UUIDs.
ID_MAX_CHARS = 128
_an_id = validate.And(
    validate.Length(min=1, max=ID_MAX_CHARS),
    # No invisible or direction-changing characters: a log line must show the id as it is.
    validate.Regexp(
        r"^[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+\Z",
        error="Must not be blank or hold white space, control or invisible characters.",
    ),
)

# X's own credentials have 25 to 60 characters. The limit refuses a page pasted by mistake.
secret = validate.And(
    validate.Length(min=1, max=500), validate.Regexp(r"^[\x21-\x7e]+$", error="Must be one word of visible ASCII.")
)


class IdText(fields.Field[str]):
    """A field with a string. Numbers become strings, because some systems send service identifiers unquoted."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValidationError("Not a valid string.")
        return str(value).strip()


def identifier(value: object) -> str:
    """Return an id from outside as a string. Raises ValidationError."""
    text: str = _identifier.deserialize(value)
    return text


_identifier = IdText(required=True, validate=_an_id)


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE


class ChannelDataSchema(_Lenient):
    """Whom a message is for, or from."""

    channelCustomerIdentifier = IdText(required=True, validate=_an_id)  # noqa: N815 - CIM's name
    serviceIdentifier = IdText(required=True, validate=_an_id)  # noqa: N815
    customerFirstName = fields.Raw(load_default=None)  # noqa: N815
    customerLastName = fields.Raw(load_default=None)  # noqa: N815


class HeaderSchema(_Lenient):
    """The part of a CIM header that must be there."""

    channelData = fields.Nested(ChannelDataSchema, required=True)  # noqa: N815


class EnvelopeSchema(_Lenient):
    """The part of a CIM message that must be there."""

    id = IdText(required=True, validate=_an_id)
    header = fields.Nested(HeaderSchema, required=True)
    body = fields.Dict(
        required=True, metadata={"properties": {"type": {"type": "string", "minLength": 1}}, "required": ["type"]}
    )


_envelope = EnvelopeSchema()


def load_message(data: object) -> CimMessage:
    """Return the CIM message of a JSON value. Raises marshmallow's ValidationError, which names each bad field.

    Liberal in everything but the two identifiers, the message id and a body with a type: any other header field
    may be null, missing, or of a shape we do not know.
    """
    if not isinstance(data, Mapping):
        raise ValidationError({"_schema": ["A CIM message is a JSON object with id, header and body."]})
    header = data.get("header")
    if isinstance(header, Mapping) and not isinstance(header.get("channelData"), Mapping):
        session = header.get("channelSession")
        if isinstance(session, Mapping) and isinstance(session.get("channelData"), Mapping):
            data = {**data, "header": {**header, "channelData": session["channelData"]}}
    fields = _envelope.load(data)
    body = fields["body"]
    if not isinstance(body.get("type"), str) or not body["type"].strip():
        raise ValidationError({"body": {"type": ["Missing data for required field."]}})
    try:
        # Any type is counted, logged and quoted in reports.
        _an_id(body["type"].strip())
    except ValidationError as error:
        raise ValidationError({"body": {"type": error.messages}}) from None
    loaded = _header(header if isinstance(header, Mapping) else {}, fields["header"])
    if body["type"].strip().upper() == "COMMENT":
        loaded = replace(loaded, message_type=SM)
    return CimMessage(fields["id"], loaded, body)


def load_dumped(data: Mapping[str, Any]) -> CimMessage:
    """Return the message that `dump_message` made this of. It was checked when it arrived."""
    raw = data["header"]
    return CimMessage(data["id"], _header(raw, raw), data["body"])


def _header(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> Header:
    channel = fields["channelData"]
    sender = raw.get("sender")
    extra = raw.get("additionalData")
    entities = raw.get("entities")
    scheduling = raw.get("schedulingMetaData")
    return Header(
        account_id=channel["serviceIdentifier"],
        customer_id=channel["channelCustomerIdentifier"],
        first_name=_text(channel["customerFirstName"]) or "",
        last_name=_text(channel["customerLastName"]) or "",
        timestamp=_moment(raw.get("timestamp")),
        sender_type=(_text(sender.get("type")) or "").upper() if isinstance(sender, Mapping) else "",
        intent=_text(raw.get("intent")),
        entities=entities if isinstance(entities, Mapping) else {},
        # Before October 2023 the field had the second name.
        original_message_id=_text(raw.get("originalMessageId")) or _text(raw.get("replyToMessageId")),
        provider_message_id=_text(raw.get("providerMessageId")),
        scheduling=scheduling if isinstance(scheduling, Mapping) else None,
        encoded=isinstance(extra, Mapping) and extra.get("isEncoded") is True,
        message_type=_message_type(raw),
    )


def dump_message(message: CimMessage) -> dict[str, Any]:
    """Return the message as JSON for CCM's `/message/receive`."""
    h = message.header
    dumped: dict[str, Any] = {
        "id": message.id,
        "header": {
            "sender": {
                "id": CONNECTOR_SENDER_ID,
                "type": h.sender_type,
                "senderName": CONNECTOR_NAME,
                "additionalDetail": None,
            },
            "channelData": {
                "channelCustomerIdentifier": h.customer_id,
                "serviceIdentifier": h.account_id,
                "requestPriority": 0,
                "customerFirstName": h.first_name,
                "customerLastName": h.last_name,
                "additionalAttributes": [{"key": "MESSAGE_TYPE", "type": "String100", "value": h.message_type}],
            },
            "language": {},
            "timestamp": epoch_ms(h.timestamp) if h.timestamp else None,
            "securityInfo": {},
            "stamps": [],
            "intent": h.intent,
            "entities": dict(h.entities),
            "channelSessionId": None,
            "conversationId": None,
            "customer": None,
            "originalMessageId": h.original_message_id,
            "providerMessageId": h.provider_message_id,
            "schedulingMetaData": dict(h.scheduling) if h.scheduling is not None else None,
        },
        "body": dict(message.body),
    }
    if h.encoded:
        dumped["header"]["additionalData"] = {"isEncoded": True}
    return dumped


def _message_type(raw: Mapping[str, Any]) -> str:
    """Return SM where the channel data mark a conversation by public comments, otherwise DM."""
    channel = raw.get("channelData")
    if not isinstance(channel, Mapping):
        session = raw.get("channelSession")
        channel = session.get("channelData") if isinstance(session, Mapping) else None
    attributes = channel.get("additionalAttributes") if isinstance(channel, Mapping) else None
    rows = [row for row in attributes if isinstance(row, Mapping)] if isinstance(attributes, list) else []
    marks = [row.get("value") for row in rows if row.get("key") == "MESSAGE_TYPE"]
    return SM if any(isinstance(mark, str) and mark.strip().upper() == SM for mark in marks) else DM


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _moment(value: object) -> datetime | None:
    """Return a timestamp that is a number, digits as text or ISO text; None for anything else."""
    if isinstance(value, str):
        value = value.strip()
        if value.isascii() and value.isdecimal() and len(value) < 16:
            value = int(value)
        else:
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                return None
            return at if at.tzinfo else at.replace(tzinfo=UTC)
    # datetime ends with the year 9999.
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 253_402_300_800_000:
        return moment(value)
    return None
