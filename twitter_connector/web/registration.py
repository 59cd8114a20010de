"""The routes that register and unregister accounts: the only ones that call X, while a person waits."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import MethodNotAllowed

from twitter_connector.accounts.registration_request import load_registration
from twitter_connector.accounts.registration_steps import StepFailed

from .access import internal
from .context import services
from .problems import problem
from .request_body import INTERNAL_BODY_MAX_BYTES, json_body

bp = Blueprint("admin", __name__)


@bp.post("/webhook/twitter/register-and-subscribe")
@internal
def register() -> Response:
    """Register and subscribe an account. The keys of the body are those of the configuration guide."""
    svc = services()
    asked = load_registration(json_body(INTERNAL_BODY_MAX_BYTES), svc.settings.public_url)
    try:
        return jsonify(svc.registration.register(asked).as_json())
    except StepFailed as error:
        raise explained(error) from error


ONE_REQUEST_AT_A_TIME = (
    "This web process handles one request at a time, so it cannot answer X's challenge while it registers an account: "
    "start it with at least two threads, for example `gunicorn --threads 8 wsgi:app`, and register again."
)


def explained(error: StepFailed) -> StepFailed:
    """Return the error. If this server could not answer X's challenge meanwhile, it says so."""
    if error.step == "crc" and one_request_at_a_time():
        return StepFailed("crc", ONE_REQUEST_AT_A_TIME, error.cause)
    return error


def one_request_at_a_time() -> bool:
    """Return whether this server runs one process with one thread. gunicorn_conf sets the value for gunicorn, whose
    threaded worker claims several threads even if it has one."""
    single = current_app.extensions.get("one_request_at_a_time")
    return single if single is not None else not (request.is_multithread or request.is_multiprocess)


@bp.route("/webhook/twitter/register-and-subscribe", methods=["GET", "PUT", "PATCH", "DELETE"])
@internal
def register_by_another_method() -> Response:
    """Answer 405. Without this route the path would be taken for the webhook of an account of that name."""
    raise MethodNotAllowed(["POST"])


@bp.get("/webhook/twitter/<account_id>/status")
@internal
def status(account_id: str) -> Response:
    svc = services()
    account = svc.accounts.get(account_id, max_age=0)
    if account is None:
        return unknown()
    return jsonify(svc.registration.status(account).as_json())


@bp.delete("/webhook/twitter/<account_id>")
@internal
def unregister(account_id: str) -> Response:
    svc = services()
    account = svc.accounts.get(account_id, max_age=0)
    if account is None:
        return unknown()
    svc.registration.unregister(account)
    return Response(status=204)


def unknown() -> Response:
    return problem(
        404,
        "This account is not registered. Register it with POST /webhook/twitter/register-and-subscribe; "
        "GET /accounts lists those that are.",
        kind="unknown-account",
    )
