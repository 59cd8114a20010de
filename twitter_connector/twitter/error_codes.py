"""X's error codes and problem types, one line each: which family, our reason, and the sentence for a person.

https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from __future__ import annotations

from datetime import timedelta

from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Permanent,
    RateLimited,
    RecipientRefused,
    RefusedOrDelivered,
    Retryable,
)

_TOKENS = "Check API key, secret and tokens, and that they were made anew after the app's permissions were changed"

ErrorMeaning = tuple[type[ConnectorError], str, str]
_RECIPIENT_UNKNOWN: ErrorMeaning = (
    RecipientRefused,
    "recipient_unknown",
    "X does not know this customer (any more). Reach them another way",
)
_DM_PERMISSION_MISSING: ErrorMeaning = (
    CredentialsRejected,
    "dm_permission_missing",
    "The app may not touch Direct Messages. Set its permission to Read, Write and Direct Messages, then make new "
    "access tokens",
)
_NO_CREDIT: ErrorMeaning = (RateLimited, "credits_depleted", "The app has no credit left at X. Buy credits")

# X's code, then the family, our reason, and the sentence.
CODES: dict[int, ErrorMeaning] = {
    # The customer cannot be written to; the message fails, the account goes on.
    349: (
        RecipientRefused,
        "recipient_closed",
        "The customer does not accept Direct Messages from this account. Reach them another way",
    ),
    150: (
        RecipientRefused,
        "recipient_not_following",
        "X delivers to this customer only if they follow the account. Ask them to follow it",
    ),
    389: (
        RecipientRefused,
        "recipient_blocked",
        "The account has blocked this customer. Unblock them at X first",
    ),
    476: (
        RecipientRefused,
        "sender_not_verified",
        "X lets only verified accounts start this conversation. Wait until the customer writes",
    ),
    108: _RECIPIENT_UNKNOWN,
    50: _RECIPIENT_UNKNOWN,
    17: _RECIPIENT_UNKNOWN,
    63: (RecipientRefused, "recipient_suspended", "X has suspended this customer's account. Reach them another way"),
    # The message itself.
    354: (Permanent, "text_too_long", "The message is longer than X allows. Shorten it"),
    214: (Permanent, "request_refused", "X did not accept the request as it stands. Change it before you repeat it"),
    38: (
        Permanent,
        "request_refused",
        "The request lacks a parameter that X needs. Report this as a fault of the connector",
    ),
    324: (Permanent, "media_refused", "X did not accept the attachment. Attach another file"),
    325: (Permanent, "media_refused", "X does not find the attachment (any more). Attach it again"),
    34: (Permanent, "not_found", "X does not know this address, customer or environment. Check them"),
    # X is known to answer so to messages that did arrive: look before believing it.
    151: (
        RefusedOrDelivered,
        "send_refused",
        "X reports an error while sending this message. Look in the X app before you send it again",
    ),
    # The account or the app may not act; nothing is wrong with the messages, so they wait.
    32: (CredentialsRejected, "credentials_rejected", f"X does not accept the credentials. {_TOKENS}"),
    89: (CredentialsRejected, "token_revoked", "The access token is invalid, expired or revoked. Make a new one"),
    135: (CredentialsRejected, "clock_wrong", "This machine's clock differs too much from X's. Synchronise it"),
    215: (CredentialsRejected, "credentials_rejected", f"X does not accept the credentials. {_TOKENS}"),
    99: (CredentialsRejected, "credentials_rejected", f"X cannot verify the credentials. {_TOKENS}"),
    64: (CredentialsRejected, "account_suspended", "X has suspended the account. Appeal at X"),
    326: (CredentialsRejected, "account_locked", "X has locked the account. Log in at twitter.com to unlock it"),
    93: _DM_PERMISSION_MISSING,
    261: (
        CredentialsRejected,
        "write_permission_missing",
        "The app may not write. Set its permission to Read, Write and Direct Messages, then make new access tokens",
    ),
    87: (CredentialsRejected, "not_permitted", "X does not let this app do that. Check its access level"),
    220: (CredentialsRejected, "not_permitted", f"X does not let these credentials do that. {_TOKENS}"),
    200: (CredentialsRejected, "not_permitted", "The app has no access to the Account Activity API. Apply for it"),
    348: (CredentialsRejected, "not_permitted", "The app may not read this user's activity. Make new access tokens"),
    453: (
        CredentialsRejected,
        "plan_too_small",
        "The app's plan does not include this part of the API. Register the account without ENVIRONMENT-NAME, so that "
        "it uses X API v2, or upgrade the plan",
    ),
    # Later, whatever the status: X answers some limits with 403.
    88: (RateLimited, "rate_limited", "X's rate limit is reached"),
    161: (RateLimited, "daily_limit", "The account has reached X's daily limit"),
    185: (RateLimited, "daily_limit", "The account has reached X's daily limit"),
    205: (RateLimited, "daily_limit", "The account has reached X's daily limit"),
    344: (RateLimited, "daily_limit", "The account has reached X's daily limit"),
    226: (RateLimited, "looks_automated", "X takes the account for automated and requires a pause"),
    130: (Retryable, "twitter_over_capacity", "X is over capacity"),
    131: (Retryable, "twitter_error", "X has an internal error"),
}
# The code of an answer that says "over capacity".
OVER_CAPACITY = 130

# The last part of a v2 problem's type, or the `reason` inside a "client-forbidden" one, then as above.
PROBLEMS: dict[str, ErrorMeaning] = {
    "usage-capped": (
        RateLimited,
        "usage_capped",
        "The app has used up what its plan allows for this month. Raise the plan or the spending limit at X",
    ),
    "credits-depleted": _NO_CREDIT,
    "credits": _NO_CREDIT,
    "rate-limits": (RateLimited, "rate_limited", "X's rate limit is reached"),
    "streaming-connection": (RateLimited, "stream_open_elsewhere", "Another process of this app has the stream open"),
    "operational-disconnect": (Retryable, "twitter_error", "X ended the connection"),
    "internal-error": (Retryable, "twitter_error", "X has an internal error"),
    "oauth1-permissions": _DM_PERMISSION_MISSING,
    "unsupported-authentication": (
        CredentialsRejected,
        "oauth2_needed",
        "X does not take this kind of token for this call. Give the account an OAuth 2.0 token with "
        "`twitter-connector authorize`",
    ),
    "client-not-enrolled": (
        CredentialsRejected,
        "client_not_enrolled",
        "The app is not enrolled for X API v2. Attach it to a project and enrol it at {registration_url}",
    ),
    "user-not-enrolled": (
        CredentialsRejected,
        "user_not_enrolled",
        "X bills this call to the account itself, which has no developer enrolment. Log in as the account and enrol "
        "it at {registration_url}",
    ),
    "client-forbidden": (
        CredentialsRejected,
        "client_not_enrolled",
        "X does not let this app do that. Check its enrolment at {registration_url}",
    ),
}
# Where a developer enrols, if the answer names no address.
CONSOLE = "https://console.x.com"

# How long the limits last whose end X does not name. The others get longer pauses each time (delivery/retry_policy).
PAUSES = {
    # X wants "minutes to hours" for an account whose behaviour looks automated.
    "looks_automated": timedelta(minutes=15),
    "usage_capped": timedelta(hours=1),
    "credits_depleted": timedelta(hours=1),
}
