"""Routes of the media hosts: pictures of messages for participants of the conversation, everything else for anybody."""

from flask import Response, request, send_file
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.endpoint import blueprint
from sandbox.twitter.errors import TwitterError, error
from sandbox.twitter.media import Media
from sandbox.twitter.oauth import authenticate

downloads = blueprint("downloads")

# A JPEG of one grey pixel, in place of the first frame of a video.
_DOT = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e"
    "1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b080001000101011100ffc4001400010000"
    "0000000000000000000000000008ffc40014100100000000000000000000000000000000ffda0008010100003f0054bfffd9"
)


@downloads.get("/1.1/ton/data/dm/<dm_id>/<media_id>/<name>")
def picture(dm_id: str, media_id: str, name: str) -> ResponseReturnValue:
    """Return a picture of a message to a participant. Sizes such as `:small` return the same bytes."""
    sandbox = the_sandbox()
    try:
        caller = authenticate(request, sandbox.directory)
    except TwitterError as problem:
        # The media host has one answer for a missing and for a wrong signature.
        raise error(problem.code or 32, status=401) from None
    if caller.user is None:
        raise error(32)
    dm = sandbox.mailbox.get(dm_id)
    media = _named(media_id, name)
    if dm is None or dm.media_id != media.id:
        raise error(34)
    if caller.user.id not in {dm.sender_id, dm.recipient_id}:
        raise error(99, "You don't have access to this resource.")
    return send_file(sandbox.media.path(media), mimetype=media.mime)


@downloads.get("/media/<media_id>/<name>")
@downloads.get("/dm_gif/<media_id>/<name>")
@downloads.get("/dm_video/<media_id>/vid/<size>/<name>")
@downloads.get("/tweet_video/<media_id>/<name>")
@downloads.get("/ext_tw_video/<media_id>/vid/<size>/<name>")
def film(media_id: str, name: str, size: str = "") -> ResponseReturnValue:
    """Return the bytes of a GIF or video, or of a picture of a post."""
    if name == "preview.jpg":
        return preview(media_id)
    media = _named(media_id, name)
    return send_file(the_sandbox().media.shown(media), mimetype=media.shown_mime, conditional=True)


@downloads.get("/dm_video/<media_id>/preview.jpg")
@downloads.get("/ext_tw_video/<media_id>/preview.jpg")
def preview(media_id: str) -> ResponseReturnValue:
    """Return the preview picture of a video."""
    if the_sandbox().media.get(media_id) is None:
        raise error(34)
    return Response(_DOT, mimetype="image/jpeg")


@downloads.get("/dm_video/<media_id>/pl/<name>")
@downloads.get("/ext_tw_video/<media_id>/pl/<name>")
def playlist(media_id: str, name: str) -> ResponseReturnValue:
    """Return a playlist without entries. Callers should ignore playlists."""
    if the_sandbox().media.get(media_id) is None:
        raise error(34)
    return Response("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-ENDLIST\n", mimetype="application/x-mpegURL")


def _named(media_id: str, name: str) -> Media:
    media = the_sandbox().media.get(media_id)
    if media is None or name.partition(":")[0] != media.file_name:
        raise error(34)
    return media
