"""The one way into a conversation, for requests of an app and for customers: checks as X does, then stores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.people import Directory
from sandbox.twitter.mailbox import Mailbox
from sandbox.x_chat import encoding, wire
from sandbox.x_chat.conversations import ChatConversations
from sandbox.x_chat.delivery import ChatDelivery
from sandbox.x_chat.key_directory import KeyDirectory
from sandbox.x_chat.records import ChatConversation, ChatEvent, KeyChange
from sandbox.x_v2.problems import NO_PERMISSION, invalid, plain

_ACTIONS = {"delete_for_self": 1, "delete_for_all": 2}


@dataclass(frozen=True)
class Dispatch:
    """How the event of a message is delivered: how often, after the next one, or not at all."""

    times: int = 1
    swap: bool = False
    deliver: bool = True


AT_ONCE = Dispatch()


class Posting:
    """Checks and stores changes of keys, messages and deletions."""

    def __init__(
        self,
        directory: Directory,
        mailbox: Mailbox,
        conversations: ChatConversations,
        keys: KeyDirectory,
        delivery: ChatDelivery,
    ) -> None:
        self._directory = directory
        self._mailbox = mailbox
        self._conversations = conversations
        self._keys = keys
        self._delivery = delivery

    def change_key(self, sender_id: str, other_id: str, body: dict[str, Any]) -> KeyChange:
        """Store a new key of a conversation. The same body again returns the same change. Raises Problem 400 or 403."""
        self._check_recipient(sender_id, other_id)
        version = body["conversation_key_version"]
        message_id, signature = self._action(sender_id, body)
        keys = self._participant_keys(sender_id, other_id, body)
        conversation = self._conversations.open(sender_id, other_id)
        newest = self._conversations.newest_key(conversation.id)
        for earlier in self._conversations.key_changes(conversation.id):
            if (earlier.message_id, earlier.version, earlier.keys) == (message_id, version, keys):
                return earlier
        if not isinstance(version, str) or not version.isdigit() or (newest and int(version) <= int(newest.version)):
            raise invalid("$.conversation_key_version: must be larger than the present version")

        def make(sequence_id: str) -> KeyChange:
            parts = [signature.value, signature.public_key_version, signature.signature_version]
            return KeyChange(sequence_id, conversation.id, sender_id, message_id, version, keys, parts)

        self._accept(conversation, sender_id)
        return self._conversations.change_key(make)

    def message(self, sender_id: str, other_id: str, body: dict[str, Any], dispatch: Dispatch) -> ChatEvent:
        """Store a message. The same body again returns the same event; another body with its id is refused.

        Raises Problem 400 or 403, LibraryMissing.
        """
        self._check_recipient(sender_id, other_id)
        message_id, create = str(body["message_id"]), body["encoded_message_create_event"]
        try:
            contents, version = encoding.read_message(create)
            signature = encoding.read_signature(body.get("encoded_message_event_signature") or "")
            detail = encoding.message_detail(create)
        except (wire.Malformed, AttributeError, TypeError) as problem:
            raise invalid(f"$.encoded_message_create_event or its signature: {problem}") from None
        conversation = self._conversations.open(sender_id, other_id)
        keys = self._keys.with_version(sender_id, signature.public_key_version)
        payload = encoding.signed_message(message_id, sender_id, conversation.id, version, contents)
        if not encoding.is_signed(signature, keys, payload):
            raise invalid("InvalidSenderSignature: the signature does not belong to this message and sender")
        token = body.get("conversation_token")
        if token not in (None, encoding.conversation_token(conversation.id)):
            raise invalid("$.conversation_token: is not the token of this conversation")
        earlier = self._conversations.with_message_id(sender_id, message_id)
        if earlier is not None:
            if earlier.detail == detail:
                return earlier
            raise invalid("$.message_id: another message has this id")
        newest = self._conversations.newest_key(conversation.id)
        if newest is None or newest.version != version:
            raise invalid("NonLatestCkeyVersion: the version is not that of the conversation's latest key")
        signed = body["encoded_message_event_signature"]
        return self.store(sender_id, other_id, message_id, version, detail, signed, dispatch)

    def deletion(self, sender_id: str, other_id: str, body: dict[str, Any], dispatch: Dispatch) -> ChatEvent:
        """Store a deletion of messages. Raises Problem 400, LibraryMissing."""
        message_id, signature = self._action(sender_id, body)
        detail = body["action_signatures"][0]["encoded_message_event_detail"]
        try:
            ids, action = encoding.read_deletion(detail)
        except (wire.Malformed, UnicodeDecodeError) as problem:
            raise invalid(f"$.action_signatures[0].encoded_message_event_detail: {problem}") from None
        if ids != body["sequence_ids"] or action != _ACTIONS.get(body["delete_message_action"]):
            raise invalid("$.sequence_ids or $.delete_message_action: differs from what was signed")
        conversation = self._conversations.open(sender_id, other_id)
        keys = self._keys.with_version(sender_id, signature.public_key_version)
        payload = encoding.signed_deletion(message_id, sender_id, conversation.id, ids, action)
        if not encoding.is_signed(signature, keys, payload):
            raise invalid("InvalidSenderSignature: the signature does not belong to this deletion and sender")
        if earlier := self._conversations.with_message_id(sender_id, message_id):
            return earlier
        for sequence_id in ids:
            target = self._conversations.get(sequence_id)
            if target is None or target.conversation_id != conversation.id or target.sender_id != sender_id:
                raise invalid(f"$.sequence_ids: the sender has no message {sequence_id} in this conversation")
        if action == _ACTIONS["delete_for_self"]:
            dispatch = Dispatch(deliver=False)
        signed = wire.encoded(signature.structure())
        return self.store(sender_id, other_id, message_id, "", detail, signed, dispatch)

    def store(
        self,
        sender_id: str,
        other_id: str,
        message_id: str,
        version: str,
        detail: str,
        signature: str,
        dispatch: Dispatch,
    ) -> ChatEvent:
        """Store an event without a check, and send it to the subscribers."""
        conversation = self._conversations.open(sender_id, other_id)
        by_account = self._directory.users[sender_id].business
        self._accept(conversation, sender_id)

        def make(sequence_id: str) -> ChatEvent:
            return ChatEvent(
                sequence_id,
                conversation.id,
                sender_id,
                other_id,
                message_id,
                version,
                detail,
                signature,
                by_account=by_account,
            )

        return self._conversations.post(make, self._dispatcher(conversation, dispatch))

    def _dispatcher(self, conversation: ChatConversation, dispatch: Dispatch) -> Callable[[ChatEvent], None]:
        def announce(event: ChatEvent) -> None:
            if dispatch.deliver and not conversation.hidden:
                self._delivery.announce(event, dispatch.times, dispatch.swap)

        return announce

    def _accept(self, conversation: ChatConversation, sender_id: str) -> None:
        """An answer of the brand accepts a message request."""
        if conversation.hidden and self._directory.users[sender_id].business:
            self._conversations.hide(conversation, False)

    def _check_recipient(self, sender_id: str, other_id: str) -> None:
        recipient = self._directory.users.get(other_id)
        if recipient is None or recipient.refuses is not None or other_id == sender_id:
            raise plain(403, NO_PERMISSION)
        conversation = self._conversations.between(sender_id, other_id)
        wrote = conversation is not None and any(
            event.sender_id == other_id for event in self._conversations.events(conversation.id)
        )
        wrote = wrote or any(dm.sender_id == other_id for dm in self._mailbox.between(sender_id, other_id))
        if self._directory.users[sender_id].business and not wrote:
            raise plain(403, "RecipientHasNotTrustedConversation: the recipient has not written to you.")

    def _action(self, sender_id: str, body: dict[str, Any]) -> tuple[str, encoding.Signature]:
        """Return message id and signature of the first action signature. Raises Problem 400."""
        try:
            action = body["action_signatures"][0]
            signature = action["message_event_signature"]
            message_id, detail = action["message_id"], action["encoded_message_event_detail"]
            parts = [signature[name] for name in ("signature", "public_key_version", "signature_version")]
        except (KeyError, IndexError, TypeError):
            raise invalid("$.action_signatures: is missing or incomplete, but it is required") from None
        if not all(isinstance(part, str) and part for part in (message_id, detail, *parts)):
            raise invalid("$.action_signatures: its values must be text")
        if self._keys.with_version(sender_id, parts[1]) is None:
            raise invalid("InvalidSenderSignature: the sender has no keys of this version")
        return message_id, encoding.Signature(*parts)

    def _participant_keys(self, sender_id: str, other_id: str, body: dict[str, Any]) -> dict[str, list[str]]:
        """Return user id -> [encrypted key, version of the public key]. Raises Problem 400."""
        try:
            keys = {
                str(entry["user_id"]): [str(entry["encrypted_conversation_key"]), str(entry["public_key_version"])]
                for entry in body["conversation_participant_keys"]
            }
        except (KeyError, TypeError):
            raise invalid("$.conversation_participant_keys: an entry is incomplete") from None
        if set(keys) != {sender_id, other_id}:
            raise invalid("$.conversation_participant_keys: must have the keys of both participants")
        for user_id, (_, version) in keys.items():
            newest = self._keys.newest(user_id)
            if newest is None or newest.version != version:
                raise invalid(f"RecipientKeyHasChanged: {version} is not the latest public key version of {user_id}")
        return keys
