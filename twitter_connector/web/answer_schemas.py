"""The form of our answers, as marshmallow schemas. They describe the routes in /openapi.json, and tests check every
answer against it. No route uses them to write an answer.

Every field is required unless it says otherwise, and no answer has other fields.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from twitter_connector.model.account_history import TOPICS
from twitter_connector.model.message_log import EVENTS, STATES

_DIRECTIONS = ("inbound", "outbound")


def _one_of(*values: str, **settings: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(values), **{"required": True, **settings})


def _text(description: str = "", **settings: Any) -> fields.String:
    return fields.String(metadata={"description": description} if description else {}, **{"required": True, **settings})


def _moment(description: str = "") -> fields.AwareDateTime:
    """A moment in UTC, or null."""
    metadata = {"description": description} if description else {}
    return fields.AwareDateTime(required=True, allow_none=True, metadata=metadata)


def _number(**settings: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(min=0), **{"required": True, **settings})


class _Answer(Schema):
    class Meta:
        unknown = RAISE


class ProblemSchema(_Answer):
    """RFC 9457."""

    type = _text("A relative URI that names the problem, for machines; about:blank where the status says it all.")
    title = _text()
    status = fields.Integer(strict=True, required=True)
    detail = _text("What is wrong and what to do.")


class InvalidRequestSchema(ProblemSchema):
    type = _one_of("invalid-request")
    errors = fields.Dict(
        required=True, metadata={"description": "By field: a list of sentences, or an object of the same form."}
    )


class AnswerOfTwitterSchema(_Answer):
    status = fields.Integer(strict=True, required=True, allow_none=True)
    code = fields.Integer(strict=True, required=True, allow_none=True)
    message = _text("X's own words.")
    reason = _text()


class RegistrationFailedSchema(ProblemSchema):
    type = _one_of("registration-failed")
    step = _one_of("credentials", "webhook", "crc", "subscription")
    twitter = fields.Nested(AnswerOfTwitterSchema, required=False)


class PartsSchema(_Answer):
    broker = _one_of("UP", "DOWN", "UNSAFE", "LOST_DATA")
    workers = _number(required=False)
    unserved = fields.List(fields.String(), required=False, metadata={"description": "Queues that no worker serves."})


class NotReadySchema(ProblemSchema):
    type = _one_of("not-ready")
    failing = _one_of("broker", "worker", "credentials-key")
    parts = fields.Nested(PartsSchema, required=True)


class LiveSchema(_Answer):
    status = _one_of("UP")


class ReadySchema(LiveSchema):
    parts = fields.Nested(PartsSchema, required=True)
    remarks = fields.List(
        fields.String(), required=False, metadata={"description": "What may lose data although the service runs."}
    )


class ResponseTokenSchema(_Answer):
    response_token = fields.String(required=True, validate=validate.Regexp(r"^sha256=[A-Za-z0-9+/]{43}=$"))


class MessageAcceptedSchema(_Answer):
    messageId = _text()  # noqa: N815 - CIM's name


class ConfigurationTakenSchema(_Answer):
    serviceIdentifier = _text()  # noqa: N815 - CIM's name
    registered = fields.Boolean(required=True)
    changed = fields.Boolean(required=True)
    detail = _text("What was stored, or why nothing was.")


class ChannelTypeSchema(_Answer):
    channelTypeId = _text()  # noqa: N815 - CIM's name


class WebhookSchema(_Answer):
    id = _text()
    url = _text()
    valid = fields.Boolean(required=True)


class RegisteredOnV1Schema(_Answer):
    account_id = _text()
    screen_name = _text()
    api = _one_of("v1.1")
    webhook = fields.Nested(WebhookSchema, required=True, allow_none=True)
    subscribed = fields.Boolean(required=True, allow_none=True)
    events = fields.List(fields.String(), required=True)
    actions = fields.List(fields.String(), required=True, metadata={"description": "What was done at X."})


class SubscriptionSchema(_Answer):
    event = _text()
    id = _text()


class RegisteredOnV2Schema(RegisteredOnV1Schema):
    api = _one_of("v2")
    inbound = _one_of("xaa", "aaa", "stream", "poll")
    subscriptions = fields.List(fields.Nested(SubscriptionSchema), required=True)
    can = fields.List(fields.String(), required=True)
    remarks = fields.List(fields.String(), required=True)


class TokenRefreshSchema(_Answer):
    state = _one_of("grant_ended", "failing", "ok", "new")
    refreshed_at = _moment()
    access_token_until = _moment()
    grant_until = _moment("X ends a grant that nobody uses until then.")
    next_try_at = _moment()
    ended_at = _moment()


class LanesWaitingSchema(_Answer):
    inbound = _number()
    outbound = _number()


class LimitSchema(_Answer):
    limit = fields.Integer(strict=True, required=True)
    remaining = fields.Integer(strict=True, required=True)
    reset = fields.Integer(strict=True, required=True, metadata={"description": "Seconds since 1970."})


class UnreachableSchema(_Answer):
    side = _one_of("CCM", "Twitter")
    probed_at = _moment()


class PauseSchema(_Answer):
    until = _moment()
    reason = _text()
    detail = _text()


class UnreachableByDirectionSchema(_Answer):
    inbound = fields.Nested(UnreachableSchema, required=False)
    outbound = fields.Nested(UnreachableSchema, required=False)


class UsageSchema(_Answer):
    day = fields.Date(required=True, metadata={"description": "The UTC day."})
    dm_received = _number()
    dm_read = _number()
    dm_sent = _number()
    user_read = _number()
    post_read = _number()
    post_sent = _number()
    usd = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9]+\.[0-9]{2,}$"),
        metadata={"description": "The price of it in USD, exact."},
    )


class XChatSchema(_Answer):
    keys = fields.Boolean(required=True, metadata={"description": "The account's keys for X Chat are stored here."})
    unread_today = _number(metadata={"description": "Encrypted messages of today that the agent cannot read here."})
    notices_today = _number(
        metadata={"description": "Notices to agents about them: one for each conversation and day."}
    )


class AccountSchema(_Answer):
    account_id = _text()
    screen_name = _text()
    api = _one_of("v1.1", "v2")
    environment = _text("The environment of API v1.1.", required=False)
    inbound = _one_of("xaa", "aaa", "stream", "poll")
    posts = _one_of("mentions", "replies", "all", required=False)
    long_posts = _text("Present where X takes posts of more than 280 characters.", required=False)
    oauth2_scopes = _text("What the OAuth 2.0 grant allows, as X names it.", required=False)
    like_support_sm = _one_of("false", required=False)
    hide_support_sm = _one_of("false", required=False)
    delete_support_sm = _one_of("false", required=False)
    comment_reply_support_sm = _one_of("false", required=False)
    private_reply_support_sm = _one_of("false", required=False)
    can = fields.List(fields.String(), required=True)
    state = _one_of("active", "unreachable", "paused", "attention")
    attention = _text("What a person has to do.", allow_none=True)
    remarks = fields.List(
        fields.String(), required=True, metadata={"description": "About optional subscriptions that X does not have."}
    )
    token_refresh = fields.Nested(TokenRefreshSchema, required=True, allow_none=True)
    webhook = fields.Nested(WebhookSchema, required=True, allow_none=True)
    subscribed = fields.Boolean(required=True, allow_none=True)
    registered_at = _moment()
    last_event_at = _moment()
    last_crc_at = _moment()
    lanes_waiting = fields.Nested(LanesWaitingSchema, required=True)
    webhook_checked_at = _moment()
    gap_since = _moment("Customers' messages since then are still to be read back.")
    twitter_limits = fields.Dict(keys=fields.String(), values=fields.Nested(LimitSchema), required=True)
    unreachable = fields.Nested(UnreachableByDirectionSchema, required=True)
    usage = fields.Nested(UsageSchema, required=True)
    x_chat = fields.Nested(XChatSchema, required=True, allow_none=True)
    pauses = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(PauseSchema),
        required=True,
        metadata={"description": "By direction (`inbound`, `outbound`), or by the endpoint of X that waits."},
    )


class AccountsSchema(_Answer):
    items = fields.List(fields.Nested(AccountSchema), required=True)


class DeadLetterSchema(_Answer):
    id = _text()
    direction = _one_of(*_DIRECTIONS)
    account_id = _text()
    customer_id = _text()
    reason = _text()
    detail = _text()
    tries = _number()
    accepted_at = _moment()
    failed_at = _moment()
    message_id = _text()


class DeadLettersSchema(_Answer):
    items = fields.List(fields.Nested(DeadLetterSchema), required=True)
    next = _text("Give it as `after` to get the following page; null on the last.", allow_none=True)


class ReplayedOneSchema(_Answer):
    replayed = fields.Integer(strict=True, required=True, validate=validate.Equal(1))


class ReplayedSchema(_Answer):
    replayed = _number()
    remaining = _number(metadata={"description": "How many more fit the filter. Call again until it is 0."})


class MessageSchema(_Answer):
    direction = _one_of(*_DIRECTIONS)
    kind = _text("The CIM type; null until a worker has read the message.", allow_none=True)
    state = _one_of(*STATES)
    account_id = _text()
    customer_id = _text()
    x_ids = fields.List(fields.String(), required=True)
    cim_ids = fields.List(fields.String(), required=True)
    dead_letter_id = _text(allow_none=True)
    reason = _text("Why the last try failed.", allow_none=True)
    tries = _number()
    happened_at = _moment("When it was written, as X or CCM says.")
    received_at = _moment()
    updated_at = _moment()
    delivered_at = fields.AwareDateTime()
    read_at = fields.AwareDateTime()
    failed_at = fields.AwareDateTime()


class MessagesSchema(_Answer):
    items = fields.List(fields.Nested(MessageSchema), required=True)
    next = _text("Give it as `after` to get the following page; null on the last.", allow_none=True)


class JourneyStepSchema(_Answer):
    at = _moment()
    event = _one_of(*EVENTS)
    detail = _text()


class TracedMessageSchema(MessageSchema):
    journey = fields.List(fields.Nested(JourneyStepSchema), required=True)


class AccountEventSchema(_Answer):
    at = _moment()
    event = _one_of(*TOPICS)
    detail = _text(allow_none=True)
    since = _moment("The time from which messages are concerned, for example the start of a gap.")


class AccountHistorySchema(_Answer):
    items = fields.List(fields.Nested(AccountEventSchema), required=True)


class DocumentSchema(_Answer):
    openapi = fields.String(required=True, validate=validate.Equal("3.1.0"))
    info = fields.Dict(required=True)
    servers = fields.List(fields.Dict(), required=True)
    paths = fields.Dict(required=True)
    components = fields.Dict(required=True)
