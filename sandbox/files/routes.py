"""Routes of the file engine."""

from flask import Blueprint, jsonify, request, send_file
from flask.typing import ResponseReturnValue

from sandbox.files.store import BadName, TooLarge
from sandbox.state import the_sandbox

files = Blueprint("files", __name__, url_prefix="/file-engine")

_REFUSED = {"message": "An error occurred while uploading file."}


@files.post("/api/uploadFileStream")
def upload() -> ResponseReturnValue:
    """Store a file as `<conversation tag>_<file name>`."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return jsonify(_REFUSED), 500
    tag = request.form.get("conversationId") or request.form.get("roomInfo") or "0"
    try:
        stored = the_sandbox().files.put(tag, file.filename, file.mimetype, file.stream)
    except TooLarge:
        return jsonify(message="File too large"), 413
    except BadName:
        return jsonify(_REFUSED), 500
    return jsonify(
        message="File uploaded successfully",
        etag=stored.etag,
        name=stored.name,
        type=stored.mime,
        size=stored.size,
    )


@files.get("/api/downloadFileStream")
def download() -> ResponseReturnValue:
    """Return the bytes of a file."""
    stored = the_sandbox().files.get(request.args.get("filename", ""))
    if stored is None:
        return jsonify(message="File not found"), 404
    return send_file(stored.path.resolve(), mimetype=stored.mime, etag=stored.etag, conditional=True)


@files.get("/api/getFileStat")
def stat() -> ResponseReturnValue:
    """Return size and type of a file."""
    stored = the_sandbox().files.get(request.args.get("filename", ""))
    if stored is None:
        return jsonify(message="File not found"), 404
    return jsonify(name=stored.name, size=stored.size, mimeType=stored.mime, etag=stored.etag)
