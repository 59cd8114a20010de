"""Registering an account: the one place of the web side that calls Twitter, while a person waits."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from twitter_connector.accounts.registration_request import load_registration

from .access import INTERNAL_BODY_MAX_BYTES, internal
from .context import services
from .problems import problem
from .request_body import json_body

bp = Blueprint("admin", __name__)


@bp.post("/webhook/twitter/register-and-subscribe")
@internal
def register() -> Response:
    """Bring an account into service; the keys of the body are those of the configuration guide."""
    wanted = load_registration(json_body(INTERNAL_BODY_MAX_BYTES))
    return jsonify(services().registration.register(wanted).as_json())


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
