"""Plays X: sends a challenge to a webhook address, to see from outside whether X's own would succeed.

https://docs.x.com/x-api/webhooks/introduction (challenge-response checks)
"""

from __future__ import annotations

import secrets
import socket
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from twitter_connector.model.account import signature
from twitter_connector.model.subscription import ChallengeAnswer
from twitter_connector.net.answers import NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

# X waits three seconds.
SECONDS = 3.0


class OwnChallenge:
    """Returns how an address answers. Never raises for what the address does."""

    def __init__(self, http_client: HttpClient) -> None:
        self._http_client = http_client

    def __call__(self, url: str, consumer_secret: str) -> ChallengeAnswer:
        token = secrets.token_urlsafe(24)
        try:
            answer = self._http_client.exchange("GET", url, seconds=SECONDS, params={"crc_token": token})
        except NotSent as error:
            if _is_no_host(url):
                return ChallengeAnswer(False, f"has a host name that does not exist ({urlsplit(url).hostname})")
            # Many networks do not let a machine call its own public address.
            return ChallengeAnswer(None, f"cannot be reached ({error})")
        except NoAnswer as error:
            return ChallengeAnswer(False, f"did not answer ({error})")
        if answer.status != 200:
            return ChallengeAnswer(False, f"answered HTTP {answer.status} instead of 200")
        body = answer.json()
        if not isinstance(body, dict) or body.get("response_token") != signature(consumer_secret, token.encode()):
            return ChallengeAnswer(False, "answered 200, but not as this connector would")
        return ChallengeAnswer(True)


def _is_no_host(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if get_environ_proxies(url):
        return False  # the proxy resolves names
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        return error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
    except UnicodeError:
        return True
    return False
