"""Builds the application: the routes of X, CCM and the file engine, and the faults in front of them."""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from sandbox import fault_middleware
from sandbox.ccm.routes import ccm
from sandbox.control.accounts import people
from sandbox.control.conversations import conversation
from sandbox.control.faults_and_settings import faults_and_settings
from sandbox.control.message_details import message_details
from sandbox.control.posts import posts as control_posts
from sandbox.control.records import records
from sandbox.control.troubles import troubles
from sandbox.control.x_chat import x_chat
from sandbox.control.x_v2 import x_v2
from sandbox.files.routes import files
from sandbox.page import page
from sandbox.requests_log import family_of
from sandbox.settings import MEBIBYTE
from sandbox.state import Sandbox
from sandbox.twitter.errors import error
from sandbox.twitter.routes_accounts import accounts
from sandbox.twitter.routes_activity import activity
from sandbox.twitter.routes_downloads import downloads
from sandbox.twitter.routes_messages import messages
from sandbox.twitter.routes_uploads import uploads
from sandbox.x_chat.routes_conversations import chats
from sandbox.x_chat.routes_keys import chat_keys
from sandbox.x_chat.routes_media import chat_media
from sandbox.x_v2.routes_account_activity import account_activity
from sandbox.x_v2.routes_lookups import lookups
from sandbox.x_v2.routes_media import media
from sandbox.x_v2.routes_media_metadata import media_metadata
from sandbox.x_v2.routes_messages import messages as v2_messages
from sandbox.x_v2.routes_oauth2 import oauth2
from sandbox.x_v2.routes_posts import posts
from sandbox.x_v2.routes_stream import stream
from sandbox.x_v2.routes_subscriptions import subscriptions
from sandbox.x_v2.routes_timelines import timelines
from sandbox.x_v2.routes_users import users
from sandbox.x_v2.routes_webhooks import webhooks

_V1 = (accounts, activity, messages, uploads, downloads)
_V2 = (webhooks, subscriptions, account_activity, stream, v2_messages, lookups, media, oauth2, users)
_CHAT = (chat_keys, chats, chat_media, x_chat)
_POSTS = (posts, timelines, media_metadata)
_PAGE = (people, conversation, control_posts, records, faults_and_settings, x_v2, page, troubles, message_details)


def create_app(sandbox: Sandbox) -> Flask:
    """Return the application that serves this sandbox."""
    app = Flask(__name__, static_folder=None)
    app.extensions["sandbox"] = sandbox
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # Base64 segments of an upload come as form fields.
    app.config["MAX_FORM_MEMORY_SIZE"] = 16 * MEBIBYTE
    # A TCP reset is an exception that has to reach the server. Other exceptions become a 500 there.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.register_error_handler(404, _unknown_path)
    app.register_error_handler(405, _unknown_path)
    fault_middleware.install(app, sandbox)
    for part in (*_V1, *_V2, *_CHAT, *_POSTS, ccm, files, *_PAGE):
        app.register_blueprint(part)
    return app


def _unknown_path(problem: HTTPException) -> ResponseReturnValue:
    """Answer an unknown path: with X's own error on X's paths, in plain words elsewhere."""
    if family_of(request.path) in {"twitter", "media"}:
        return jsonify(error(34).body()), 404
    return jsonify(error=problem.description), problem.code or 404
