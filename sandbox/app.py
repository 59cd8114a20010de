"""Builds the application: every route of every part played, behind the guard that acts out faults."""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from sandbox import hazards
from sandbox.ccm.routes import ccm
from sandbox.control.conversation import conversation
from sandbox.control.people import people
from sandbox.control.records import records
from sandbox.control.steering import steering
from sandbox.files.routes import files
from sandbox.page import page
from sandbox.requests_log import family_of
from sandbox.settings import MEBIBYTE
from sandbox.twitter.errors import error
from sandbox.twitter.routes_accounts import accounts
from sandbox.twitter.routes_activity import activity
from sandbox.twitter.routes_downloads import downloads
from sandbox.twitter.routes_messages import messages
from sandbox.twitter.routes_uploads import uploads
from sandbox.world import World


def create_app(world: World) -> Flask:
    """Return the application that plays in the given world."""
    app = Flask(__name__, static_folder=None)
    app.extensions["sandbox"] = world
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # Base64 segments of an upload come as form fields.
    app.config["MAX_FORM_MEMORY_SIZE"] = 16 * MEBIBYTE
    # A reset is an exception that has to reach the server; anything else unexpected becomes a 500 there.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.register_error_handler(404, _nothing_there)
    app.register_error_handler(405, _nothing_there)
    hazards.install(app, world)
    for part in (accounts, activity, messages, uploads, downloads, ccm, files):
        app.register_blueprint(part)
    for part in (people, conversation, records, steering, page):
        app.register_blueprint(part)
    return app


def _nothing_there(problem: HTTPException) -> ResponseReturnValue:
    """Twitter says in its own words that a path leads nowhere; the rest of the sandbox does so in plain ones."""
    if family_of(request.path) in {"twitter", "media"}:
        return jsonify(error(34).body()), 404
    return jsonify(error=problem.description), problem.code or 404
