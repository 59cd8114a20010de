"""Makes the fake connector pass messages on, so that both sides of the page work. It has no queue and no retry."""

import html
import itertools
from typing import Any

import requests
from fake_connector import FakeConnector
from requests_oauthlib import OAuth1
from sandbox_process import ACCOUNT, Sandbox

_numbers = itertools.count(1)


class Relay:
    """Passes messages between the sandbox's X and its CCM."""

    def __init__(self, sandbox: Sandbox, connector: FakeConnector) -> None:
        self._url = sandbox.url
        self._auth: OAuth1 = sandbox.auth()
        self._cim_of: dict[str, str] = {}
        self.refuse = ""
        sandbox.register(connector)
        connector.on_event = self.inbound
        connector.on_message = self.outbound

    def inbound(self, envelope: dict[str, Any]) -> None:
        """Send an event to CCM."""
        for event in envelope.get("direct_message_events", []):
            create = event["message_create"]
            if create["sender_id"] == ACCOUNT:
                continue
            data = create["message_data"]
            self._to_ccm(create["sender_id"], self._body(data), event["id"], data.get("quick_reply_response"))
        for event in envelope.get("direct_message_indicate_typing_events", []):
            notice = {"type": "NOTIFICATION", "markdownText": "", "notificationType": "TYPING_STARTED"}
            self._to_ccm(event["sender_id"], notice)
        for event in envelope.get("direct_message_mark_read_events", []):
            if cim_id := self._cim_of.get(event["last_read_event_id"]):
                self._report(event["sender_id"], cim_id, "READ")

    def outbound(self, message: dict[str, Any]) -> None:
        """Send a CIM message to X and report."""
        customer_id = message["header"]["channelData"]["channelCustomerIdentifier"]
        body = message["body"]
        if body["type"] == "NOTIFICATION":
            self._twitter("indicate_typing.json", data={"recipient_id": customer_id})
            return
        if body["type"] == "DELIVERYNOTIFICATION":
            latest = self._get(f"/_sandbox/twitter/messages?sender_id={customer_id}")["messages"][-1]["id"]
            self._twitter("mark_read.json", data={"recipient_id": customer_id, "last_read_event_id": latest})
            return
        if self.refuse:
            self._report(customer_id, message["id"], "FAILED", self.refuse)
            return
        data: dict[str, Any] = {"text": body["markdownText"]}
        if body["type"] in {"IMAGE", "VIDEO"}:
            data["attachment"] = {"type": "media", "media": {"id": self._upload(body["attachment"])}}
        if body["type"] == "BUTTON":
            options = [
                {
                    "label": button["title"],
                    "description": button["additionalButtonDetails"]["description"],
                    "metadata": button["payload"],
                }
                for button in body["buttons"]
            ]
            data["quick_reply"] = {"type": "options", "options": options}
        create = {"target": {"recipient_id": customer_id}, "message_data": data}
        sent = self._twitter("events/new.json", json={"event": {"type": "message_create", "message_create": create}})
        self._cim_of[sent.json()["event"]["id"]] = message["id"]
        self._report(customer_id, message["id"], "DELIVERED")

    def _body(self, data: dict[str, Any]) -> dict[str, Any]:
        text = html.unescape(data["text"])
        for url in data["entities"]["urls"]:
            text = text.replace(url["url"], "" if "/messages/media/" in url["expanded_url"] else url["expanded_url"])
        media = data.get("attachment", {}).get("media")
        if media is None:
            return {"type": "PLAIN", "markdownText": text}
        item, attachment = self._stored(media)
        return {"type": item, "markdownText": text.strip(), "attachment": attachment}

    def _stored(self, media: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Store a file of X in the file engine. Return its CIM type and attachment."""
        film = media["type"] != "photo"
        source = media["video_info"]["variants"][0]["url"] if film else media["media_url_https"]
        content = requests.get(source, auth=self._auth, timeout=10)
        name = source.rpartition("/")[2].partition("?")[0]
        stored = requests.post(
            f"{self._url}/file-engine/api/uploadFileStream",
            files={"file": (name, content.content)},
            data={"conversationId": str(next(_numbers))},
            timeout=10,
        ).json()
        link = f"{self._url}/file-engine/api/downloadFileStream?filename={stored['name']}"
        attachment = {"mediaUrl": link, "mimeType": stored["type"], "size": stored["size"]}
        return "VIDEO" if film else "IMAGE", attachment

    def _upload(self, attachment: dict[str, Any], category: str = "dm_image") -> str:
        content = requests.get(attachment["mediaUrl"], timeout=10).content
        answer = requests.post(
            f"{self._url}/1.1/media/upload.json",
            data={"media_category": category},
            files={"media": ("file", content, attachment["mimeType"])},
            auth=self._auth,
            timeout=10,
        )
        media_id: str = answer.json()["media_id_string"]
        return media_id

    def _report(self, customer_id: str, cim_id: str, status: str, text: str = "") -> None:
        body = {"type": "DELIVERYNOTIFICATION", "markdownText": text, "messageId": cim_id, "status": status}
        self._to_ccm(customer_id, body)

    def _to_ccm(
        self, customer_id: str, body: dict[str, Any], dm_id: str | None = None, clicked: dict[str, str] | None = None
    ) -> str:
        header = {
            "sender": {"id": "fake-connector", "type": "CONNECTOR"},
            "channelData": {"channelCustomerIdentifier": customer_id, "serviceIdentifier": ACCOUNT},
            "providerMessageId": dm_id,
            "intent": clicked["metadata"].lstrip("/") if clicked else None,
        }
        cim_id = f"cim-{next(_numbers)}"
        message = {"id": cim_id, "header": header, "body": body}
        requests.post(f"{self._url}/ccm/message/receive", json=message, timeout=10).raise_for_status()
        return cim_id

    def _twitter(self, path: str, **more: Any) -> requests.Response:
        address = f"{self._url}/1.1/direct_messages/{path}"
        answer = requests.post(address, auth=self._auth, timeout=10, **more)
        answer.raise_for_status()
        return answer

    def _get(self, path: str) -> Any:
        return requests.get(self._url + path, timeout=10).json()
