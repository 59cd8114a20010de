"""The routes as /openapi.json describes them: who calls each, what it takes, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from marshmallow import INCLUDE, Schema, fields

from twitter_connector.accounts.registration_request import RegistrationSchema
from twitter_connector.cim.envelope import EnvelopeSchema

from . import answer_schemas as answers
from .dead_letters import DeadLetterFilterSchema, DeadLetterListSchema
from .messages import MessageListSchema
from .period import PeriodSchema

PROBLEM = "application/problem+json"
JSON = "application/json"
TEXT = "text/plain"
HTML = "text/html"

Form = type[Schema] | Schema


class ChallengeSchema(Schema):
    """The query of X's challenge."""

    crc_token = fields.String(required=True)


class ConfigurationSchema(Schema):
    """A push of CCM. It has many spellings; this is the one of the platform's present version."""

    class Meta:
        unknown = INCLUDE

    serviceIdentifier = fields.Raw(required=True, metadata={"type": ["string", "integer"]})  # noqa: N815 - CIM's name
    connectorConfigurations = fields.Raw(  # noqa: N815 - CIM's name
        metadata={"description": "A list of `{key, value}`, or one object. A masked or empty value changes nothing."}
    )


class ChannelTypeRequestSchema(Schema):
    """The body of POST /channel-type-configurations."""

    class Meta:
        unknown = INCLUDE

    channelTypeId = fields.Raw(required=True, metadata={"type": ["string", "integer"]})  # noqa: N815 - CIM's name


class EventSchema(Schema):
    """An event of X. https://docs.x.com/x-api/webhooks/introduction"""

    class Meta:
        unknown = INCLUDE


@dataclass(frozen=True)
class Answer:
    """What a status means. forms: the schemas of the body, one of which fits; none for an empty body. media: the
    content type."""

    description: str
    forms: tuple[Form, ...] = ()
    media: str = JSON

    @property
    def is_text(self) -> bool:
        """Whether the body is text rather than JSON."""
        return self.media in (TEXT, HTML)


@dataclass(frozen=True)
class Operation:
    """A method on a path, or on several paths that answer alike.

    name: the operationId of the first path. caller: "x" (a signature), "internal" (a token, or an address inside) or
    "open". body, query: what the request may have.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    summary: str
    answers: Mapping[int, Answer] = field(repr=False)
    caller: str = "internal"
    body: Form | None = None
    query: type[Schema] | None = None


def _problem(description: str, *forms: type[Schema]) -> Answer:
    return Answer(description, (*forms, answers.ProblemSchema), PROBLEM)


_ALWAYS = {500: _problem("A fault of the connector."), 503: _problem("The broker does not answer. Send it again.")}
_INTERNAL = _ALWAYS | {
    401: _problem("No token of CONNECTOR_API_TOKEN was sent."),
    403: _problem("No token is configured, and the caller is outside or is a web page."),
    429: _problem("Too many wrong tokens came from this address. Wait as long as Retry-After says."),
}
_BODY = {
    400: _problem("The body is not what this route takes.", answers.InvalidRequestSchema),
    413: _problem("The body is too large."),
}
_NO_ACCOUNT = {404: _problem("The account is not registered.")}
_NO_DEAD_LETTER = {404: _problem("There is no such dead letter.")}
_INVALID_QUERY = {400: _problem("A parameter is wrong.", answers.InvalidRequestSchema)}
_AT_TWITTER = {
    status: Answer(description, (answers.RegistrationFailedSchema, *others, answers.ProblemSchema), PROBLEM)
    for status, description, others in (
        (400, "The request is wrong, or fails at a step.", (answers.InvalidRequestSchema,)),
        (422, "X refuses it; `step` and `twitter` say what.", ()),
        (502, "X does not answer, or fails.", ()),
        (503, "X limits the app, or the broker does not answer. Send it again as Retry-After says.", ()),
    )
}
_REGISTERED = Answer(
    "How the account is registered at X.", (answers.RegisteredOnV1Schema, answers.RegisteredOnV2Schema)
)


def _given(description: str, form: type[Schema]) -> Answer:
    return Answer(description, (form,))


def _operation(
    name: str,
    call: str,
    summary: str,
    own: Mapping[int, Answer],
    *,
    body: Form | None = None,
    query: type[Schema] | None = None,
) -> Operation:
    """Return an operation of an internal route. call: "METHOD path path…"."""
    method, *paths = call.split()
    all_answers = _INTERNAL | (_BODY if body else {}) | (_INVALID_QUERY if query else {}) | dict(own)
    return Operation(name, method, tuple(paths), summary, MappingProxyType(all_answers), body=body, query=query)


OPERATIONS = (
    Operation(
        "answerChallenge",
        "GET",
        ("/webhook/twitter/{account_id}",),
        "Answer X's challenge (CRC).",
        _ALWAYS
        | _NO_ACCOUNT
        | {
            200: _given("The signature of the token.", answers.ResponseTokenSchema),
            400: _problem("The token is missing, too long, or could be an event."),
        },
        caller="open",
        query=ChallengeSchema,
    ),
    Operation(
        "receiveEvent",
        "POST",
        ("/webhook/twitter/{account_id}",),
        "Store an event of X.",
        _ALWAYS
        | _NO_ACCOUNT
        | {
            200: Answer("The events are stored."),
            400: _problem("The body is not a JSON object."),
            401: _problem("The signature is missing or wrong."),
            413: _problem("The body is too large."),
        },
        caller="x",
        body=EventSchema,
    ),
    _operation(
        "register",
        "POST /webhook/twitter/register-and-subscribe",
        "Register an account and subscribe to its events.",
        _AT_TWITTER | {200: _REGISTERED},
        body=RegistrationSchema(None),
    ),
    _operation(
        "registrationStatus",
        "GET /webhook/twitter/{account_id}/status",
        "Read webhook and subscriptions of an account from X.",
        _AT_TWITTER | _NO_ACCOUNT | {200: _REGISTERED},
    ),
    _operation(
        "unregister",
        "DELETE /webhook/twitter/{account_id}",
        "Unsubscribe an account, delete our webhook, and forget the credentials.",
        _AT_TWITTER | _NO_ACCOUNT | {204: Answer("The account is removed.")},
    ),
    _operation(
        "receiveMessage",
        "POST /cim-messages /message/receive /message/receive/cim-messages /ccm-msg/receive "
        "/ccm-msg/receive/cim-messages /",
        "Store a CIM message for the customer. A repeated id gets the same answer and is not sent again.",
        {202: _given("The message is stored.", answers.MessageAcceptedSchema)},
        body=EnvelopeSchema,
    ),
    _operation(
        "receiveConfiguration",
        "POST /connector-configurations",
        "Take over an account's credentials from CCM.",
        {200: _given("What was stored.", answers.ConfigurationTakenSchema)},
        body=ConfigurationSchema,
    ),
    _operation(
        "receiveChannelType",
        "POST /channel-type-configurations",
        "Store the id of CCM's channel type.",
        {200: _given("The id is stored.", answers.ChannelTypeSchema)},
        body=ChannelTypeRequestSchema,
    ),
    _operation(
        "listAccounts",
        "GET /accounts",
        "List the accounts: state, webhook, waiting work, pauses. No secrets.",
        {200: _given("All accounts.", answers.AccountsSchema)},
    ),
    _operation(
        "showAccount",
        "GET /accounts/{account_id}",
        "Show one account.",
        _NO_ACCOUNT | {200: _given("The account.", answers.AccountSchema)},
    ),
    _operation(
        "showAccountHistory",
        "GET /accounts/{account_id}/history",
        "List what happened to an account: webhook, gaps, attention, refused signatures. Oldest first.",
        {200: _given("The events of the period, and those that say how it began.", answers.AccountHistorySchema)},
        query=PeriodSchema,
    ),
    _operation(
        "listMessages",
        "GET /messages",
        "List the messages of both directions, newest first. Never their texts.",
        {200: _given("One page.", answers.MessagesSchema)},
        query=MessageListSchema,
    ),
    _operation(
        "showMessage",
        "GET /messages/{any_id}",
        "Show one message with its journey, by X's id, CIM's id, or the dead letter's.",
        {
            200: _given("The message.", answers.TracedMessageSchema),
            404: _problem("The message log has no message with this id."),
        },
    ),
    _operation(
        "listDeadLetters",
        "GET /dead-letters",
        "List dead letters, newest first. Never their texts.",
        {200: _given("One page.", answers.DeadLettersSchema)},
        query=DeadLetterListSchema,
    ),
    _operation(
        "showDeadLetter",
        "GET /dead-letters/{letter_id}",
        "Show one dead letter.",
        _NO_DEAD_LETTER | {200: _given("The dead letter.", answers.DeadLetterSchema)},
    ),
    _operation(
        "replayDeadLetter",
        "POST /dead-letters/{letter_id}/replay",
        "Send one dead letter again.",
        _NO_DEAD_LETTER | {202: _given("It is in its lane again.", answers.ReplayedOneSchema)},
    ),
    _operation(
        "replayDeadLetters",
        "POST /dead-letters/replay",
        "Send the dead letters that match the filter again, oldest first. {} means all.",
        {202: _given("The number of messages that were put back into their lanes.", answers.ReplayedSchema)},
        body=DeadLetterFilterSchema,
    ),
    _operation(
        "discardDeadLetter",
        "DELETE /dead-letters/{letter_id}",
        "Delete one dead letter.",
        _NO_DEAD_LETTER | {204: Answer("It is deleted.")},
    ),
    Operation(
        "live",
        "GET",
        ("/health/live", "/health/liveness", "/actuator/health/liveness"),
        "Say that the process can answer.",
        {200: _given("It can.", answers.LiveSchema), 500: _ALWAYS[500]},
        caller="open",
    ),
    Operation(
        "ready",
        "GET",
        ("/health/ready", "/readiness", "/health/readiness", "/actuator/health/readiness"),
        "Say whether an event would be stored and delivered.",
        {
            200: _given("It would.", answers.ReadySchema),
            500: _ALWAYS[500],
            503: Answer(
                "It would not be stored or delivered; `failing` names the part.", (answers.NotReadySchema,), PROBLEM
            ),
        },
        caller="open",
    ),
    _operation("metrics", "GET /metrics", "Metrics for Prometheus.", {200: Answer("Metrics.", media=TEXT)}),
    _operation(
        "document", "GET /openapi.json", "This document.", {200: _given("OpenAPI 3.1.", answers.DocumentSchema)}
    ),
    _operation(
        "startPage",
        "GET /",
        "Show a person in a browser what this is and where to go on.",
        {200: Answer("A page.", media=HTML), 405: _problem("The caller does not ask for text/html.")},
    ),
)
