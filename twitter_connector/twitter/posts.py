"""The public posts of one account over API v2, whichever API brings its events.

https://docs.x.com/x-api/posts/manage-tweets/introduction
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import (
    ACCOUNT_STOPPED,
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    OutcomeUnknown,
    Permanent,
)
from twitter_connector.model.account import V1, Account
from twitter_connector.model.event import RawEvent, id_text
from twitter_connector.model.json_fields import mapping_of, mappings_in
from twitter_connector.model.oauth2 import POST_SCOPES, SCOPES
from twitter_connector.model.plan import SendPost
from twitter_connector.model.post import OwnPost
from twitter_connector.model.timestamps import epoch_ms, first_id_at
from twitter_connector.model.usage import MEDIA, POST_READ

from .account_messages import AccountCalls
from .http import odd_answer
from .quoted_words import quotable
from .rows import rows_of
from .v2_posts import EXPANSIONS, FIELDS, MEDIA_FIELDS, USER_FIELDS, own_post, post_of

POSTS = "/2/tweets"
PAGE_MAX, PAGES_MAX = 100, 10
_DUPLICATE = "duplicate content"
# Refusals that only this call of the app or the account meets. Waiting does not help.
_NOT_IN_PLAN = frozenset({"plan_too_small", "not_permitted", "client_not_enrolled"})


class AccountPosts(AccountCalls):
    """Raises what twitter/http.classify returns, and for what the plan or X's rules forbid Permanent with X's words."""

    def send(self, step: SendPost) -> str:
        """Publish one post and return its id. Raises OutcomeUnknown if it may have been published."""
        body: dict[str, Any] = {"text": step.text} if step.text else {}
        if step.in_reply_to:
            body["reply"] = {"in_reply_to_tweet_id": step.in_reply_to}
        if step.media_id:
            body["media"] = {"media_ids": [step.media_id]}
        answer = self._acting("POST", POSTS, "tweets", Endpoint.POST, acts=True, json=body).json()
        post_id = id_text(mapping_of(mapping_of(answer).get("data")).get("id"))
        if not post_id:
            raise OutcomeUnknown("outcome_unknown", "X's answer to a post names no id.", endpoint=Endpoint.POST)
        return post_id

    def describe(self, media_id: str, alt_text: str) -> None:
        """Give an uploaded picture its alternative text, which a file has once."""
        body = {"id": media_id, "metadata": {"alt_text": {"text": alt_text}}}
        self._acting("POST", "/2/media/metadata", "media/metadata", Endpoint.UPLOAD, json=body)
        self._used(self._account_id, MEDIA, [media_id])

    def like(self, post_id: str) -> None:
        self._acting("POST", f"{self._me}/likes", "likes", Endpoint.LIKE, json={"tweet_id": post_id})

    def unlike(self, post_id: str) -> None:
        self._acting("DELETE", f"{self._me}/likes/{quote(post_id, safe='')}", "likes", Endpoint.LIKE)

    def hide(self, post_id: str) -> None:
        path = f"{POSTS}/{quote(post_id, safe='')}/hidden"
        self._acting("PUT", path, "tweets/hidden", Endpoint.HIDE, json={"hidden": True})

    def delete(self, post_id: str) -> None:
        """Delete a post of the account. A post that is gone already is no error."""
        try:
            self._acting("DELETE", f"{POSTS}/{quote(post_id, safe='')}", "tweets/delete", Endpoint.DELETE)
        except Permanent as error:
            if error.status != 404:
                raise

    def sent_since(self, since: datetime) -> list[OwnPost]:
        """Return the account's own posts since a moment, newest first."""
        pages = self._pages(f"{self._me}/tweets", first_id_at(epoch_ms(since)), "users/tweets")
        return [own_post(post) for page in pages for post in mappings_in(page, "data")]

    def may_be_long(self) -> bool:
        """Return whether the account has a paid subscription, to which X allows long posts."""
        query = {"user.fields": "subscription_type,verified_type"}
        answer = self._as_user("GET", "/2/users/me", "users/me", Endpoint.CREDENTIALS, params=query).json()
        data = mapping_of(mapping_of(answer).get("data"))
        paid = str(data.get("subscription_type") or "None").lower() != "none"
        return paid or data.get("verified_type") in ("blue", "business", "government")

    def mentions(self, since_id: str) -> list[RawEvent]:
        """Return the posts that mention the account and are newer than `since_id`, newest first."""
        pages = self._pages(f"{self._me}/mentions", since_id, "users/mentions")
        return [
            post_of(post, mapping_of(page.get("includes")), self._account_id)
            for page in pages
            for post in mappings_in(page, "data")
        ]

    @property
    def _me(self) -> str:
        return f"/2/users/{quote(self._account_id, safe='')}"

    def _pages(self, path: str, since_id: str, limit: str) -> list[Mapping[str, Any]]:
        """Return the pages of a look-up, newest first. X bills each post of them."""
        pages: list[Mapping[str, Any]] = []
        query = {
            "max_results": str(PAGE_MAX),
            "since_id": since_id,
            "post.fields": FIELDS,
            "expansions": EXPANSIONS,
            "media.fields": MEDIA_FIELDS,
            "user.fields": USER_FIELDS,
        }
        while len(pages) < PAGES_MAX:
            body = self._as_user("GET", path, limit, Endpoint.POST_LIST, params=query).json()
            if not isinstance(body, Mapping):
                raise odd_answer("X's list of posts is not JSON.", Endpoint.POST_LIST)
            rows_of(body, "data", Endpoint.POST_LIST)
            pages.append(body)
            ids = [id_text(post.get("id")) for post in mappings_in(body, "data")]
            self._used(self._account_id, POST_READ, [post_id for post_id in ids if post_id])
            token = str(mapping_of(body.get("meta")).get("next_token") or "")
            if not token:
                break
            query["pagination_token"] = token
        return pages

    def _acting(self, method: str, path: str, limit: str, endpoint: Endpoint, **kwargs: Any) -> Any:
        try:
            return self._as_user(method, path, limit, endpoint, **kwargs)
        except (Permanent, CredentialsRejected) as error:
            raise _refused(error, self._account) from error


def _refused(error: Permanent | CredentialsRejected, account: Account) -> ConnectorError:
    """Return what a refusal of X means for a post. X's words say which rule it is."""
    facts: dict[str, Any] = {"status": error.status, "words": error.words, "endpoint": error.endpoint}
    cause = f"HTTP {error.status}"
    if words := quotable(error.words):
        cause += f": “{words}”"
    if error.status == 403 and _DUPLICATE in error.words.lower():
        detail = f"X refuses a post with the same text as an earlier one of the account. Change the words ({cause})."
        return Permanent("duplicate_post", detail, **facts)
    if isinstance(error, CredentialsRejected):
        if account.flavour == V1 and error.status in (401, 403) and error.reason not in ACCOUNT_STOPPED:
            detail = (
                "The account is registered for API v1.1, and X does not let its tokens use API v2 for public posts "
                f"({cause}). Register it without ENVIRONMENT-NAME."
            )
            if error.status == 403:
                return Permanent("not_in_plan", detail, **facts)
            # A revoked token gets the same answer: the retry policy asks X about the account first.
            return CredentialsRejected("not_in_plan", detail, scope=error.scope, until=error.until, ours=True, **facts)
        # An answer waits for the enrolment of the app. What adds nothing does not.
        waits = error.reason == "client_not_enrolled" and error.endpoint == Endpoint.POST
        if error.reason not in _NOT_IN_PLAN or waits:
            return error
        return Permanent("not_in_plan", f"The app's plan at X does not include this ({cause}).", **facts)
    if error.reason in ("request_refused", "not_found") and error.status in (400, 403, 404):
        detail = f"X's rules or the app's plan do not allow this in public ({cause})."
        if error.status == 403 and not account.credentials.access_token and SCOPES not in account.settings:
            detail += (
                f" The account's OAuth 2.0 token may lack one of {', '.join(POST_SCOPES)}: run `twitter-connector "
                f"authorize --posts {account.id}`."
            )
        return Permanent("post_refused", detail, **facts)
    return error
