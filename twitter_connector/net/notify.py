"""Sends a sentence to NOTIFY_URL, in the JSON that Slack's incoming webhooks take.

https://api.slack.com/messaging/webhooks. Mattermost, Rocket.Chat and Google Chat take the same.
"""

from __future__ import annotations

import html
import json

from twitter_connector.errors import ServiceUnavailable

from .answers import NoAnswer, NotSent
from .http_client import HttpClient

SECONDS = 5.0


class NotifyUrl:
    """url: contains a secret as a rule, so it appears in no error."""

    def __init__(self, http_client: HttpClient, url: str) -> None:
        self._http_client = http_client
        self._url = url

    def __call__(self, sentence: str) -> None:
        """Send a sentence. Raises ServiceUnavailable if it was not taken."""
        # Slack reads &, < and > as markup.
        body = json.dumps({"text": html.escape(sentence, quote=False)}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._http_client.exchange("POST", self._url, seconds=SECONDS, data=body, headers=headers)
        except (NotSent, NoAnswer):
            raise ServiceUnavailable("notify_url_unreachable", "NOTIFY_URL does not answer.") from None
        if not 200 <= answer.status < 300:
            raise ServiceUnavailable(
                "notify_url_refused", f"NOTIFY_URL answers HTTP {answer.status}.", status=answer.status
            )
