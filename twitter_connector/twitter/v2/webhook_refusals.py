"""What X's refusals of a webhook mean.

https://docs.x.com/x-api/webhooks/introduction
"""

from __future__ import annotations

from typing import Any

from twitter_connector.errors import Permanent
from twitter_connector.model.flavour import CHALLENGE_FAILED, WEBHOOK_LIMIT

# The name of X's reason stands before a colon in `errors[].message`, and in `words` of our error.
REUSE = ("DuplicateUrlFailed", "WebhookLimitExceeded")
_REFUSALS = (
    (REUSE, WEBHOOK_LIMIT, "X allows this developer account no further webhook."),
    (("CrcValidationFailed",), CHALLENGE_FAILED, "X's challenge failed."),
    (("UrlValidationFailed",), "webhook_url_refused", "X does not accept this URL for a webhook."),
)


def named(error: Permanent) -> Permanent:
    """Return the refusal with the reason that the steps of a registration tell apart."""
    facts: dict[str, Any] = {"endpoint": error.endpoint, "status": error.status, "words": error.words}
    for prefixes, reason, sentence in _REFUSALS:
        if error.words.startswith(prefixes):
            return Permanent(reason, sentence, **facts)
    return error
