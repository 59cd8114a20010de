"""Routes of media v2: one-shot and chunked upload, status, and the download of a message's media."""

import base64
import binascii
import io
import math
import time
from typing import IO, Any

from flask import jsonify, request, send_file
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.errors import TwitterError
from sandbox.twitter.media import Media
from sandbox.x_v2.caller import OAUTH2, Caller
from sandbox.x_v2.dm_events import media_key
from sandbox.x_v2.endpoint import USER, blueprint, body_of, endpoint
from sandbox.x_v2.problems import Problem, invalid, not_found, plain

media = blueprint("media")

_CATEGORIES = {"tweet_image", "tweet_video", "tweet_gif", "dm_image", "dm_video", "dm_gif", "subtitles"}
_ONE_SHOT = {"tweet_image", "dm_image", "subtitles"}
_SCOPES = ("media.write",)


@media.post("/2/media/upload")
@endpoint("v2/media/upload", *USER, scopes=_SCOPES)
def upload(caller: Caller) -> ResponseReturnValue:
    """Take an image in one request, as multipart or as JSON with Base64."""
    form = "json" if request.is_json else "multipart"
    if form not in the_sandbox().settings.one_shot_forms:
        raise invalid("The request body could not be read")
    fields = _fields({"media", "media_category", "additional_owners"}, {"media_category"})
    category = fields["media_category"]
    if category not in _CATEGORIES:
        raise invalid(f"$.media_category: does not have a value in the enumeration: {category}")
    if category not in _ONE_SHOT:
        raise invalid(f"$.media_category: {category} cannot be uploaded in one request")
    mime = request.files["media"].mimetype if "media" in request.files else ""
    store = the_sandbox().media
    # The bytes decide; a caller that names no type of an image is not refused for it.
    mime = mime if mime.startswith("image/") else "image/png"
    return _answered(lambda: store.put(caller.account.id, mime, category, _content(fields)))


@media.post("/2/media/upload/initialize")
@endpoint("v2/media/initialize", *USER, scopes=_SCOPES)
def initialize(caller: Caller) -> ResponseReturnValue:
    """Begin a chunked upload."""
    body = body_of({"media_type", "total_bytes", "media_category", "shared", "additional_owners"})
    total, category = body.get("total_bytes"), body.get("media_category", "tweet_image")
    if type(total) is not int or total < 1:
        raise invalid("$.total_bytes: is missing but it is required")
    if category not in _CATEGORIES:
        raise invalid(f"$.media_category: does not have a value in the enumeration: {category}")
    try:
        made = the_sandbox().media.open(
            caller.account.id,
            str(body.get("media_type")),
            category,
            total,
            shared=body.get("shared") is True,
            owners=",".join(body.get("additional_owners") or ()),
        )
    except TwitterError as refusal:
        raise _problem(refusal) from None
    expires = int(the_sandbox().settings.media_lifetime)
    return jsonify(data={"id": made.id, "media_key": media_key(made), "expires_after_secs": expires})


@media.post("/2/media/upload/<media_id>/append")
@endpoint("v2/media/append", *USER, scopes=_SCOPES)
def append(caller: Caller, media_id: str) -> ResponseReturnValue:
    """Take one segment."""
    fields = _fields({"media", "segment_index"}, {"segment_index"})
    index = str(fields["segment_index"])
    if not index.isdigit() or int(index) > 999:
        raise invalid("$.segment_index: must be between 0 and 999")
    store = the_sandbox().media
    upload = _mine(caller, media_id)
    if upload.state != "open":
        raise invalid("The media is finalized already")
    try:
        store.append(upload, int(index), _content(fields))
    except TwitterError as refusal:
        raise _problem(refusal) from None
    return jsonify(data={"expires_at": int(upload.made_at + the_sandbox().settings.media_lifetime)})


@media.post("/2/media/upload/<media_id>/finalize")
@endpoint("v2/media/finalize", *USER, scopes=_SCOPES)
def finalize(caller: Caller, media_id: str) -> ResponseReturnValue:
    """Put the segments together."""
    upload = _mine(caller, media_id)
    return _answered(lambda: the_sandbox().media.finish(upload) if upload.state == "open" else upload)


@media.get("/2/media/upload")
@endpoint("v2/media/status", *USER, scopes=_SCOPES)
def status(caller: Caller) -> ResponseReturnValue:
    """Say how far the processing is."""
    if request.args.get("command", "STATUS") != "STATUS":
        raise invalid("The `command` query parameter is not one of [STATUS]", command=request.args["command"])
    return jsonify(data=_shown(_mine(caller, request.args.get("media_id", ""))))


@media.get("/2/dm_conversations/media/<dm_id>/<media_id>/<resource_id>")
@endpoint("v2/dm/media", OAUTH2, scopes=("dm.read",))
def download(caller: Caller, dm_id: str, media_id: str, resource_id: str) -> ResponseReturnValue:
    """Give the bytes of a message's media to somebody who takes part in the conversation."""
    sandbox = the_sandbox()
    dm, upload = sandbox.mailbox.get(dm_id), sandbox.media.get(media_id)
    if dm is None or upload is None or dm.media_id != media_id or resource_id != upload.file_name:
        raise Problem(404, not_found("media", "media_id", media_id))
    if caller.account.id not in {dm.sender_id, dm.recipient_id}:
        raise plain(403)
    return send_file(sandbox.media.shown(upload), mimetype="application/octet-stream")


def _answered(work: Any) -> ResponseReturnValue:
    try:
        return jsonify(data=_shown(work()))
    except TwitterError as refusal:
        raise _problem(refusal) from None


def _problem(refusal: TwitterError) -> Problem:
    if refusal.status == 413:
        return plain(413, refusal.message)
    return invalid(refusal.message)


def _mine(caller: Caller, media_id: str) -> Media:
    try:
        return the_sandbox().media.upload(media_id, caller.account.id)
    except TwitterError:
        raise invalid(f"The `media_id` value [{media_id}] is not valid", media_id=media_id) from None


def _fields(allowed: set[str], required: set[str]) -> dict[str, Any]:
    """Return the fields of a JSON or multipart body. Raises Problem 400."""
    if request.is_json:
        return body_of(allowed, required | {"media"})
    fields = dict(request.form)
    for name in [*fields, *request.files]:
        if name not in allowed:
            raise invalid(f"$.{name}: is not defined in the schema")
    for name in sorted(required - set(fields)):
        raise invalid(f"$.{name}: is missing but it is required")
    return fields


def _content(fields: dict[str, Any]) -> IO[bytes]:
    if "media" in request.files:
        return request.files["media"].stream
    try:
        return io.BytesIO(base64.b64decode(fields["media"], validate=True))
    except (KeyError, TypeError, binascii.Error):
        raise invalid("$.media: is missing, or is no Base64") from None


def _shown(upload: Media) -> dict[str, Any]:
    """Return the media object of the answers."""
    sandbox = the_sandbox()
    state = sandbox.media.progress(upload)
    shown: dict[str, Any] = {
        "id": upload.id,
        "media_key": media_key(upload),
        "size": upload.total_bytes,
        "expires_after_secs": max(0, int(upload.made_at + sandbox.settings.media_lifetime - time.time())),
    }
    if upload.kind == "photo":
        return {**shown, "image": {"w": upload.width, "h": upload.height, "image_type": upload.mime}}
    if state == "ready":
        return {**shown, "processing_info": {"state": "succeeded", "progress_percent": 100}}
    if state == "failed":
        error = {"code": 1, "name": "InvalidMedia", "message": upload.problem}
        return {**shown, "processing_info": {"state": "failed", "progress_percent": 12, "error": error}}
    left = max(0.0, upload.ready_at - time.time())
    wait = max(1, math.ceil(left))
    if left > sandbox.settings.processing_seconds * 0.8:
        return {**shown, "processing_info": {"state": "pending", "check_after_secs": wait}}
    done = min(99, round(100 * (1 - left / max(sandbox.settings.processing_seconds, 0.001))))
    info = {"state": "in_progress", "check_after_secs": wait, "progress_percent": done}
    return {**shown, "processing_info": info}
