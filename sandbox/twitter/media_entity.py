"""The media entity of API v1.1, which messages and posts have."""

from typing import Any
from urllib.parse import quote

from sandbox.twitter.media import Media

_SIZES = (("thumb", 150), ("small", 680), ("medium", 1200), ("large", 2048))


def media_entity(media: Media, folder: str, link: dict[str, str], indices: list[int]) -> dict[str, Any]:
    """Return the entity of an upload. folder: the address that its files are below; link: its link in the text."""
    url = f"{folder}/{media.id}/{quote(media.file_name)}"
    preview = url if media.kind == "photo" else f"{folder}/{media.id}/preview.jpg"
    entity: dict[str, Any] = {
        "id": int(media.id),
        "id_str": media.id,
        "indices": indices,
        "media_url": preview,
        "media_url_https": preview,
        **{name: link[name] for name in ("url", "display_url", "expanded_url")},
        "type": media.kind,
        "sizes": {name: _fit(media, side, name) for name, side in _SIZES},
    }
    if media.kind == "animated_gif":
        entity["video_info"] = {
            "aspect_ratio": list(media.shown_size),
            "variants": [{"bitrate": 0, "content_type": "video/mp4", "url": url}],
        }
    elif media.kind == "video":
        entity["video_info"] = _video_info(media, f"{folder}/{media.id}")
    return entity


def _fit(media: Media, side: int, name: str) -> dict[str, Any]:
    if name == "thumb":
        return {"w": side, "h": side, "resize": "crop"}
    width, height = media.shown_size
    scale = min(1.0, side / max(width, height, 1))
    return {"w": round(width * scale), "h": round(height * scale), "resize": "fit"}


def _video_info(media: Media, folder: str) -> dict[str, Any]:
    """Return the variants in no order, as X does. All MP4 variants are the same file here."""

    def mp4(bitrate: int, size: str) -> dict[str, Any]:
        url = f"{folder}/vid/{size}/{media.file_name}?tag=1"
        return {"bitrate": bitrate, "content_type": "video/mp4", "url": url}

    playlist = f"{folder}/pl/{media.file_name.replace('.mp4', '.m3u8')}?tag=1&container=fmp4"
    return {
        "aspect_ratio": [16, 9],
        "duration_millis": 18_087,
        "variants": [
            mp4(256_000, "320x180"),
            mp4(2_176_000, "1280x720"),
            {"content_type": "application/x-mpegURL", "url": playlist},
            mp4(832_000, "640x360"),
        ],
    }
