"""Files of encrypted messages: decrypted while they come, encrypted while they go. X sees ciphertext only."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from twitter_connector.errors import Endpoint, Permanent, Scope, ServiceUnavailable
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.chat import ChatStore
from twitter_connector.model.plan import Upload
from twitter_connector.net.answers import Incoming, NoAnswer, NotSent, file_chunks
from twitter_connector.net.http_client import HttpClient

from ..chunked_upload import Outgoing, unavailable
from ..media_download import failure_of
from ..oauth1 import user_auth
from .calls import ChatCalls
from .codec import session
from .keyring import Keyring
from .library import library

SECONDS = 120.0
# Base64 makes four bytes of three, and X's ceiling for a request is not published.
SEGMENT_BYTES = 3 * 1024 * 1024
_TYPES = {"dm_image": 1, "dm_gif": 2, "dm_video": 3}
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "video/mp4": "mp4"}
_PIXELS = re.compile(r"(\d+) x (\d+) pixels")
_LENGTH = re.compile(r"([\d.]+) seconds")


class ChatDownloads:
    """store: has the conversations' keys, which also encrypt their files."""

    def __init__(self, http_client: HttpClient, base_url: str, store: ChatStore, clock: Callable[[], datetime]) -> None:
        self._http_client = http_client
        self._base = base_url
        self._store = store
        self._clock = clock

    @contextmanager
    def open(self, url: str, credentials: Credentials, *, ceiling: int) -> Iterator[Incoming]:
        """Yield a decrypted file while it comes. url: as contents.py makes it. ceiling: of the decrypted file in bytes.

        Raises what media_download.Downloads.open raises, and Permanent(media_unreadable) for a file that the key does
        not open.
        """
        parts = urlsplit(url)
        account_id, (customer_id, version, hash_key) = parts.netloc, map(unquote, parts.path.strip("/").split("/"))
        key = self._store.conversation(account_id, customer_id).keys.get(version)
        if key is None:
            raise _unreadable()
        one, other = sorted((account_id, customer_id), key=int)
        address = f"{self._base}/2/chat/media/{one}-{other}/{quote(hash_key, safe='')}"
        encrypted = int(library().encrypted_stream_size(ceiling))
        auth = user_auth(credentials, oauth2=True)
        try:
            with self._http_client.stream("GET", address, seconds=SECONDS, ceiling=encrypted, auth=auth) as incoming:
                failure = failure_of(incoming, self._clock())
                if failure is not None:
                    raise failure
                chunks = file_chunks(
                    incoming.chunks,
                    file="The attachment",
                    server="X's media host",
                    reason="twitter_no_answer",
                    endpoint=Endpoint.DOWNLOAD,
                )
                yield replace(incoming, chunks=_decrypted(chunks, key))
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable(
                "twitter_media_unreachable",
                f"X's media host failed: {error}.",
                scope=Scope.ENDPOINT,
                endpoint=Endpoint.DOWNLOAD,
            ) from error


def _decrypted(chunks: Iterator[bytes], key: bytes) -> Iterator[bytes]:
    decryptor = library().Chat().stream_decryptor(key)
    try:
        for chunk in chunks:
            yield bytes(decryptor.push(chunk))
        yield bytes(decryptor.finish())
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> Permanent:
    return Permanent("media_unreadable", "The file of the encrypted message cannot be decrypted here.")


@dataclass(frozen=True)
class ChatUploads:
    """Uploads the files of one encrypted conversation. Each upload is made whole, or again from its start."""

    store: ChatStore
    calls: ChatCalls
    account: Account
    customer_id: str

    def carry_on(
        self, credentials: Credentials, upload: Upload, outgoing: Outgoing | None, keep: Callable[[Upload], None]
    ) -> str:
        """Return the description of an uploaded file, which a message takes as its media id."""
        if upload.state == "ready":
            return upload.media_id
        assert outgoing is not None, "an upload that is not finished needs its file"
        keys = self.store.keys(self.account.id)
        if keys is None:
            raise Permanent("chat_keys_missing", "The X Chat keys of the account are not here any more.", ours=True)
        with session(keys) as writer:
            keyring = Keyring(self.store, self.calls, writer, self.account.id, self.customer_id)
            if not keyring.present.latest:
                keyring.look_up()
                keyring.save()
            version = keyring.present.latest
            if not version:
                raise Permanent("chat_key_missing", "The encrypted conversation has no key, so no file can be sent.")
            hash_key = self._sent(outgoing, keyring.present.keys[version])
        media_id = json.dumps({**_description(upload, outgoing), "media_hash_key": hash_key, "key_version": version})
        keep(replace(upload, media_id=media_id, state="ready"))
        return media_id

    def _sent(self, outgoing: Outgoing, key: bytes) -> str:
        """Encrypt and upload a file segment by segment. Return X's key of it."""
        conversation = ":".join(sorted((self.account.id, self.customer_id), key=int))
        total = int(library().encrypted_stream_size(outgoing.size_bytes))
        begun = self.calls.upload("initialize", {"conversation_id": conversation, "total_bytes": total})
        session_id, hash_key = str(begun.get("session_id") or ""), str(begun.get("media_hash_key") or "")
        if not session_id or not hash_key:
            raise unavailable("twitter_odd_answer", "X's answer to an upload names no session.")
        place = {"conversation_id": conversation, "media_hash_key": hash_key}
        count = 0
        for count, segment in enumerate(_segments(outgoing, key), start=1):
            media = base64.b64encode(segment).decode()
            self.calls.upload(f"{session_id}/append", {**place, "segment_index": count - 1, "media": media})
        self.calls.upload(f"{session_id}/finalize", {**place, "num_parts": str(count)})
        return hash_key


def _segments(outgoing: Outgoing, key: bytes) -> Iterator[bytes]:
    encryptor = library().Chat().stream_encryptor(key)
    segment = bytearray()
    outgoing.file.seek(0)
    while chunk := outgoing.file.read(256 * 1024):
        segment += encryptor.push(chunk)
        while len(segment) >= SEGMENT_BYTES:
            yield bytes(segment[:SEGMENT_BYTES])
            del segment[:SEGMENT_BYTES]
    segment += encryptor.finish()
    for start in range(0, len(segment), SEGMENT_BYTES):
        yield bytes(segment[start : start + SEGMENT_BYTES])


def _description(upload: Upload, outgoing: Outgoing) -> dict[str, Any]:
    pixels, length = _PIXELS.search(upload.measured), _LENGTH.search(upload.measured)
    kind = _TYPES.get(outgoing.category, 5)
    ending = _ENDINGS.get(outgoing.mime_type, "bin")
    described = {
        "attachment_type": "media",
        "media_type": kind,
        "width": int(pixels[1]) if pixels else 0,
        "height": int(pixels[2]) if pixels else 0,
        "filesize_bytes": outgoing.size_bytes,
        "filename": f"{'video' if ending == 'mp4' else 'image'}.{ending}",
    }
    return {**described, "duration_millis": int(float(length[1]) * 1000)} if length else described
