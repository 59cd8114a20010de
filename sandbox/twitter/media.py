"""One uploaded file, and how the v1.1 upload endpoints show it."""

import hashlib
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.settings import Settings

# Every GIF becomes this file, since nothing here can transcode: two seconds of H.264.
CLIP = Path(__file__).with_name("gif.mp4")
CLIP_SIZE = (160, 120)


@dataclass
class Media:
    """One upload. `state` goes open -> pending -> ready or failed; pictures skip pending."""

    id: str
    owner_id: str
    mime: str
    category: str
    total_bytes: int
    shared: bool
    made_at: float
    additional_owners: list[str] = field(default_factory=list)
    state: str = "open"
    ready_at: float = 0.0
    problem: str | None = None
    used: bool = False
    alt_text: str | None = None
    animated: bool = False
    width: int = 0
    height: int = 0

    @property
    def kind(self) -> str:
        """The attachment type a DM shows for it."""
        family = self.category.partition("_")[2]
        return {"image": "photo", "gif": "animated_gif"}.get(family, "video")

    @property
    def becomes_clip(self) -> bool:
        """Whether it is a GIF, which X serves as an MP4."""
        return self.kind == "animated_gif" and self.mime == "image/gif"

    @property
    def shown_mime(self) -> str:
        """The MIME type X serves."""
        return "video/mp4" if self.becomes_clip else self.mime

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the file X serves, in pixels."""
        return CLIP_SIZE if self.becomes_clip else (self.width, self.height)

    @property
    def file_name(self) -> str:
        """The last part of its URL."""
        stem = hashlib.sha256(self.id.encode()).hexdigest()[:16]
        endings = {"image/png": "png", "image/webp": "webp", "image/gif": "gif"}
        return f"{stem}.{endings.get(self.mime, 'jpg') if self.kind == 'photo' else 'mp4'}"


def answer(media: Media, settings: Settings, state: str | None = None) -> dict[str, Any]:
    """Return the media object of the upload endpoints."""
    body: dict[str, Any] = {
        "media_id": int(media.id),
        "media_id_string": media.id,
        "media_key": f"7_{media.id}",
        "size": media.total_bytes,
        "expires_after_secs": max(0, int(media.made_at + settings.media_lifetime - time.time())),
    }
    if state is None:
        return body
    if media.kind == "photo":
        body["image"] = {"image_type": media.mime, "w": media.width, "h": media.height}
        return body
    if state == "ready":
        body["video"] = {"video_type": "video/mp4"}
    body["processing_info"] = _processing(media, settings, state)
    return body


def _processing(media: Media, settings: Settings, state: str) -> dict[str, Any]:
    if state == "ready":
        return {"state": "succeeded", "progress_percent": 100}
    if state == "failed":
        problem = {"code": 1, "name": "InvalidMedia", "message": media.problem}
        return {"state": "failed", "progress_percent": 12, "error": problem}
    left = media.ready_at - time.time()
    check_after_secs = max(1, math.ceil(left))
    if left > settings.processing_seconds * 0.8:
        return {"state": "pending", "check_after_secs": check_after_secs}
    percent = round(100 * (1 - left / max(settings.processing_seconds, 0.001)))
    return {"state": "in_progress", "check_after_secs": check_after_secs, "progress_percent": min(99, percent)}
