"""The records of X Chat: public keys, changes of conversation keys, and encrypted events. All are ciphertext."""

from dataclasses import dataclass, field

from sandbox.snowflake import created_ms


def conversation_id(one_id: str, other_id: str) -> str:
    """Return the id of a conversation as events have it: both ids, the smaller number first."""
    return ":".join(sorted((one_id, other_id), key=int))


@dataclass
class PublicKeys:
    """Keys that a user registered. Versions are numbers: epoch milliseconds as text."""

    user_id: str
    version: str
    public_key: str
    signing_public_key: str
    identity_public_key_signature: str

    @property
    def key(self) -> str:
        """What it is stored under."""
        return f"{self.user_id}/{self.version}"

    def for_verification(self) -> dict[str, str]:
        """Return the keys as the library takes them to verify signatures."""
        return {
            "user_id": self.user_id,
            "public_key_version": self.version,
            "public_key": self.signing_public_key,
            "identity_public_key": self.public_key,
            "identity_public_key_signature": self.identity_public_key_signature,
        }


@dataclass
class KeyChange:
    """A new key of a conversation, encrypted for each participant. `keys` maps user id to (encrypted key, version)."""

    sequence_id: str
    conversation_id: str
    sender_id: str
    message_id: str
    version: str
    keys: dict[str, list[str]]
    signature: list[str]


@dataclass
class ChatEvent:
    """An encrypted event of a conversation. `detail` and `signature` are Base64 of the structures as they came.

    `state` and `deliveries` are those of a Direct Message: see `twitter/dm.py`.
    """

    sequence_id: str
    conversation_id: str
    sender_id: str
    recipient_id: str
    message_id: str
    key_version: str
    detail: str
    signature: str
    by_account: bool
    state: str = "sent"
    reason: str | None = None
    deliveries: dict[str, str] = field(default_factory=dict)

    @property
    def created_at_msec(self) -> str:
        """Milliseconds since 1970, from the id."""
        return str(created_ms(self.sequence_id))


@dataclass
class ChatConversation:
    """One conversation. `hidden`: a message request, which is neither listed nor delivered until it is accepted."""

    id: str
    made_at: float
    hidden: bool = False

    @property
    def parties(self) -> list[str]:
        """The ids of both participants."""
        return self.id.split(":")

    @property
    def path_id(self) -> str:
        """The id as paths and answers have it."""
        return self.id.replace(":", "-")
