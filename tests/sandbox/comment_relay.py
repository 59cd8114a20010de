"""Makes the fake connector pass comments on as well: posts to the desk, and what the agent does back to X."""

import html
from typing import Any

import requests
from fake_connector import FakeConnector
from message_relay import Relay
from sandbox_process import ACCOUNT, Sandbox


class CommentRelay(Relay):
    """Passes messages and comments of the account of API v1.1, with one file each."""

    def __init__(self, sandbox: Sandbox, connector: FakeConnector) -> None:
        self._post_of: dict[str, str] = {}
        super().__init__(sandbox, connector)

    def inbound(self, envelope: dict[str, Any]) -> None:
        """Send an event to CCM."""
        super().inbound(envelope)
        for tweet in envelope.get("tweet_create_events", []):
            if tweet["user"]["id_str"] == ACCOUNT:
                continue
            body: dict[str, Any] = {
                "type": "COMMENT",
                "markdownText": html.unescape(tweet["text"]),
                "postId": tweet["in_reply_to_status_id_str"] or tweet["id_str"],
                "itemType": "TEXT",
            }
            for media in tweet.get("extended_entities", {}).get("media", [])[:1]:
                body["itemType"], body["attachment"] = self._stored(media)
            self._post_of[self._to_ccm(tweet["user"]["id_str"], body, tweet["id_str"])] = tweet["id_str"]

    def outbound(self, message: dict[str, Any]) -> None:
        """Send a CIM message to X and report."""
        body, header = message["body"], message["header"]
        if body["type"] != "COMMENT":
            super().outbound(message)
            return
        customer_id = header["channelData"]["channelCustomerIdentifier"]
        answer = self._act(body, self._post_of[header["originalMessageId"]])
        if answer.status_code >= 300:
            self._report(customer_id, message["id"], "FAILED", answer.json()["detail"])
            return
        if body["itemType"] in ("TEXT", "IMAGE"):
            self._post_of[message["id"]] = answer.json()["data"]["id"]
        self._report(customer_id, message["id"], "DELIVERED")

    def _act(self, body: dict[str, Any], post_id: str) -> requests.Response:
        likes = f"/2/users/{ACCOUNT}/likes"
        reply = {"text": body["markdownText"], "reply": {"in_reply_to_tweet_id": post_id}}
        if body["itemType"] == "IMAGE":
            picture = {"media_ids": [self._upload(body["attachment"], "tweet_image")]}
            return self._requested("POST", "/2/tweets", {"reply": reply["reply"], "media": picture})
        method, path, payload = {
            "TEXT": ("POST", "/2/tweets", reply),
            "LIKE": ("POST", likes, {"tweet_id": post_id}),
            "UNLIKE": ("DELETE", f"{likes}/{post_id}", None),
            "HIDE": ("PUT", f"/2/tweets/{post_id}/hidden", {"hidden": True}),
            "DELETE": ("DELETE", f"/2/tweets/{post_id}", None),
        }[body["itemType"]]
        return self._requested(method, path, payload)

    def _requested(self, method: str, path: str, payload: Any) -> requests.Response:
        return requests.request(method, self._url + path, json=payload, auth=self._auth, timeout=10)
