"""Routes of the upload host: simple and chunked upload, status, alternative text."""

import base64
import binascii
import io
from typing import IO, Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.endpoint import USER, blueprint, endpoint
from sandbox.twitter.errors import UploadError
from sandbox.twitter.media import Media, answer
from sandbox.twitter.oauth import Caller

uploads = blueprint("uploads")


@uploads.post("/1.1/media/upload.json")
@endpoint("media/upload", USER)
def upload(caller: Caller) -> ResponseReturnValue:
    """Run one command of an upload. Commands are case-sensitive."""
    command = request.values.get("command")
    if command is None:
        return _simple(caller)
    if command not in _STEPS:
        raise UploadError("media command unrecognized.")
    return _STEPS[command](caller)


@uploads.get("/1.1/media/upload.json")
@endpoint("media/upload", USER)
def status(caller: Caller) -> ResponseReturnValue:
    """Return the processing state of a GIF or video."""
    if request.args.get("command") != "STATUS":
        raise UploadError("media command unrecognized.")
    media = _mine(caller)
    store = the_sandbox().media
    return jsonify(answer(media, the_sandbox().settings, store.progress(media)))


@uploads.post("/1.1/media/metadata/create.json")
@endpoint("media/metadata", USER)
def describe(caller: Caller) -> ResponseReturnValue:
    """Save the alternative text of a picture."""
    payload: Any = request.get_json(silent=True)
    try:
        media_id, text = str(payload["media_id"]), str(payload["alt_text"]["text"])
    except (KeyError, TypeError):
        raise UploadError("alt_text is required.") from None
    if not 1 <= len(text) <= 1000:
        raise UploadError("alt_text must have between 1 and 1000 characters.")
    store = the_sandbox().media
    store.describe(store.upload(media_id, caller.account.id), text)
    return "", 200


def _simple(caller: Caller) -> ResponseReturnValue:
    """Accept a picture in one request; videos are refused."""
    content = _content()
    category = request.values.get("media_category", "")
    mime = request.files["media"].mimetype if "media" in request.files else "image/png"
    if mime.startswith("video/") or category.endswith(("video", "Video")):
        raise UploadError("media type unrecognized.")
    if not mime.startswith("image/"):
        # Clients that send bare bytes name no type; the store detects it.
        mime = "image/gif" if category.lower().endswith("gif") else "image/png"
    sandbox = the_sandbox()
    media = sandbox.media.put(caller.account.id, mime, category or "tweet_image", content)
    media.additional_owners = [owner for owner in request.values.get("additional_owners", "").split(",") if owner]
    return jsonify(answer(media, sandbox.settings, sandbox.media.progress(media)))


def _init(caller: Caller) -> ResponseReturnValue:
    form = request.values
    total = form.get("total_bytes", "")
    if not total.isdigit() or int(total) == 0:
        raise UploadError("total_bytes is required.")
    if not form.get("media_type"):
        raise UploadError("media_type is required.")
    sandbox = the_sandbox()
    media = sandbox.media.open(
        caller.account.id,
        form["media_type"],
        form.get("media_category", ""),
        int(total),
        shared=form.get("shared", "").lower() == "true",
        owners=form.get("additional_owners", ""),
    )
    return jsonify(answer(media, sandbox.settings)), 202


def _append(caller: Caller) -> ResponseReturnValue:
    index = request.values.get("segment_index", "")
    if not index.isdigit() or int(index) > 999:
        raise UploadError("SegmentIndex must be between 0 and 999.")
    media = _mine(caller)
    if media.state != "open":
        raise UploadError("media is already finalized.")
    the_sandbox().media.append(media, int(index), _content())
    return "", 204


def _finalize(caller: Caller) -> ResponseReturnValue:
    sandbox = the_sandbox()
    media = _mine(caller)
    if media.state == "open":
        sandbox.media.finish(media)
    state = sandbox.media.progress(media)
    return jsonify(answer(media, sandbox.settings, state)), 200 if state == "pending" else 201


def _content() -> IO[bytes]:
    """Return the bytes of a request: a file part, a field of Base64, or bare bytes in a field."""
    if "media" in request.files:
        return request.files["media"].stream
    if "media_data" in request.values:
        try:
            return io.BytesIO(base64.b64decode(request.values["media_data"], validate=True))
        except binascii.Error:
            raise UploadError("media_data is not valid Base64.") from None
    raise UploadError("media is required.")


def _mine(caller: Caller) -> Media:
    return the_sandbox().media.upload(request.values.get("media_id", ""), caller.account.id)


_STEPS = {"INIT": _init, "APPEND": _append, "FINALIZE": _finalize}
