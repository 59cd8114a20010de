"""Uploaded media: an index in memory, the bytes in files, and the rules of chunked uploads."""

import shutil
import threading
import time
from pathlib import Path
from typing import IO

from sandbox.journal import Journal
from sandbox.settings import MEBIBYTE, Settings
from sandbox.snowflake import Snowflakes
from sandbox.twitter.errors import UploadError, error
from sandbox.twitter.file_type import identify
from sandbox.twitter.media import CLIP, Media
from sandbox.twitter.media_categories import CATEGORY_BYTES, TYPES, family_of

SEGMENT_BYTES = 5 * MEBIBYTE
_COPY_BYTES = 256 * 1024


class MediaStore:
    """Stores uploads and finds them by id."""

    def __init__(self, folder: Path, journal: Journal, ids: Snowflakes, settings: Settings) -> None:
        self._folder = folder
        self._journal = journal
        self._ids = ids
        self._settings = settings
        self._lock = threading.Lock()
        self._media: dict[str, Media] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def restore(self) -> None:
        """Read the index of an earlier run."""
        for record in self._journal.load("media"):
            media = Media(**record)
            self._media[media.id] = media
            self._ids.seen(media.id)

    def clear(self) -> None:
        """Forget all uploads and delete their files."""
        with self._lock:
            self._media.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)

    def path(self, media: Media) -> Path:
        """Return the path of a finished upload, as it was uploaded."""
        return self._folder / f"{media.id}.bin"

    def shown(self, media: Media) -> Path:
        """Return the path of the file X serves for a finished upload; its type is `shown_mime`."""
        return CLIP if media.becomes_clip else self.path(media)

    def get(self, media_id: str) -> Media | None:
        """Return an upload, whatever its state."""
        return self._media.get(media_id)

    def open(
        self, owner_id: str, mime: str, category: str, total_bytes: int, *, shared: bool = False, owners: str = ""
    ) -> Media:
        """Begin an upload. Raises UploadError for a type or size X does not accept."""
        category = {"": "", "DmImage": "dm_image", "DmGif": "dm_gif", "DmVideo": "dm_video"}.get(category, category)
        category = category or f"tweet_{family_of(mime)}"
        ceiling = CATEGORY_BYTES.get(category)
        if ceiling is None or mime not in TYPES[category.partition("_")[2]]:
            raise UploadError("media type unrecognized.")
        if total_bytes > ceiling:
            raise UploadError(f"File size exceeds {ceiling} bytes.")
        others = [owner for owner in owners.split(",") if owner]
        media = Media(self._ids.next(), owner_id, mime, category, total_bytes, shared, time.time(), others)
        with self._lock:
            self._media[media.id] = media
        self._journal.save("media", media.id, media)
        return media

    def upload(self, media_id: str, owner_id: str) -> Media:
        """Return an upload of this owner that has not expired. Raises UploadError otherwise."""
        media = self._media.get(media_id)
        if media is None or media.owner_id != owner_id or self._expired(media):
            raise UploadError("Invalid or expired media_id.")
        return media

    def append(self, media: Media, index: int, content: IO[bytes]) -> None:
        """Store one segment; a repeated index replaces it. Raises UploadError when it is too large."""
        place = self._folder / media.id / f"{index:03}"
        place.parent.mkdir(exist_ok=True)
        size = _copy(content, place, SEGMENT_BYTES)
        if size > SEGMENT_BYTES:
            place.unlink()
            raise UploadError(f"Segment size exceeds {SEGMENT_BYTES} bytes.", 413)

    def finish(self, media: Media) -> Media:
        """Join the segments. Raises UploadError if their size or numbers do not match."""
        folder = self._folder / media.id
        segments = sorted(folder.iterdir()) if folder.exists() else []
        names = [f"{index:03}" for index in range(len(segments))]
        total = sum(segment.stat().st_size for segment in segments)
        if total != media.total_bytes or [segment.name for segment in segments] != names:
            raise UploadError("Segments do not add up to provided total file size.")
        with self.path(media).open("wb") as whole:
            for segment in segments:
                with segment.open("rb") as part:
                    shutil.copyfileobj(part, whole, _COPY_BYTES)
        shutil.rmtree(folder)
        return self._settle(media)

    def put(self, owner_id: str, mime: str, category: str, content: IO[bytes], instantly: bool = False) -> Media:
        """Store a whole file at once. Raises UploadError as `open` does, and for unrecognised bytes."""
        media = self.open(owner_id, mime, category, 0)
        media.total_bytes = _copy(content, self.path(media), CATEGORY_BYTES[media.category])
        if media.total_bytes > CATEGORY_BYTES[media.category]:
            raise UploadError(f"File size exceeds {CATEGORY_BYTES[media.category]} bytes.")
        self._settle(media)
        if instantly and media.state == "pending":
            media.state, media.ready_at = "ready", 0.0
        return media

    def progress(self, media: Media) -> str:
        """Return the present state; processing ends after `processing_seconds`."""
        if media.state == "pending" and time.time() >= media.ready_at:
            media.state = "failed" if media.problem else "ready"
            self._journal.save("media", media.id, media)
        return media.state

    def attach(self, media_id: str, sender_id: str) -> Media:
        """Use an upload in a DM. Raises error 325 for an unknown upload, 324 for one that cannot be used."""
        with self._lock:
            media = self._usable(media_id, sender_id, "dm_")
            if media.used and not media.shared:
                raise error(324)
            media.used = True
        self._journal.save("media", media.id, media)
        return media

    def publish(self, media_id: str, author_id: str) -> Media:
        """Use an upload in a post, as often as wanted. Raises errors as `attach` does."""
        media = self._usable(media_id, author_id, "tweet_")
        media.used = True
        self._journal.save("media", media.id, media)
        return media

    def _usable(self, media_id: str, user_id: str, use: str) -> Media:
        media = self._media.get(media_id)
        if media is None or self._expired(media) or user_id not in {media.owner_id, *media.additional_owners}:
            raise error(325)
        if not media.category.startswith(use) or self.progress(media) != "ready":
            raise error(324)
        return media

    def describe(self, media: Media, text: str) -> None:
        """Save the alternative text of an upload."""
        media.alt_text = text
        self._journal.save("media", media.id, media)

    def _expired(self, media: Media) -> bool:
        return not media.used and time.time() > media.made_at + self._settings.media_lifetime

    def _settle(self, media: Media) -> Media:
        look = identify(self.path(media))
        family = media.category.partition("_")[2]
        fits = look.mime in TYPES[family]
        if family == "image" and not fits:
            raise UploadError("media type unrecognized.")
        media.mime = look.mime or media.mime
        media.animated, media.width, media.height = look.animated, look.width, look.height
        media.state = "ready"
        if family != "image":
            self._process(media, fits)
        self._journal.save("media", media.id, media)
        return media

    def _process(self, media: Media, fits: bool) -> None:
        media.state, media.ready_at = "pending", time.time() + self._settings.processing_seconds
        if not fits:
            media.problem = "Unsupported video format"
        with self._lock:
            if self._settings.processing_failures > 0:
                self._settings.processing_failures -= 1
                media.problem = self._settings.processing_failure_message


def _copy(content: IO[bytes], place: Path, ceiling: int) -> int:
    """Copy a stream to a file, stop soon after the ceiling, and return the bytes copied."""
    written = 0
    with place.open("wb") as file:
        while written <= ceiling and (data := content.read(_COPY_BYTES)):
            written += file.write(data)
    return written
