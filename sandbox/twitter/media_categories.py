"""Categories of uploads: the largest file of each, and the types that each family takes."""

from sandbox.settings import MEBIBYTE

CATEGORY_BYTES = {
    "dm_image": 5 * MEBIBYTE,
    "dm_gif": 15 * MEBIBYTE,
    "dm_video": 512 * MEBIBYTE,
    "tweet_image": 5 * MEBIBYTE,
    "tweet_gif": 15 * MEBIBYTE,
    "tweet_video": 512 * MEBIBYTE,
}
TYPES = {
    "image": {"image/jpeg", "image/png", "image/webp", "image/gif"},
    "gif": {"image/gif", "video/mp4"},
    "video": {"video/mp4", "video/quicktime"},
}


def family_of(mime: str) -> str:
    """Return the family of a MIME type: image, gif or video."""
    if mime == "image/gif":
        return "gif"
    return "video" if mime.startswith("video/") else "image"
