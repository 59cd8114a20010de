"""The routes that show accounts and metrics. They change nothing."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from twitter_connector import metrics
from twitter_connector.bootstrap import described

from .access import internal
from .context import services
from .metrics import StatusCollector
from .registration import unknown

bp = Blueprint("accounts", __name__)


@bp.get("/accounts")
@internal
def list_accounts() -> Response:
    svc = services()
    return jsonify({"items": described(svc, svc.accounts.all())})


@bp.get("/accounts/<account_id>")
@internal
def show_account(account_id: str) -> Response:
    svc = services()
    account = svc.accounts.get(account_id, max_age=0)
    if account is None:
        return unknown()
    return jsonify(described(svc, [account])[0])


@bp.get("/metrics")
@internal
def show_metrics() -> Response:
    return Response(
        metrics.exposition(StatusCollector(services())), content_type="text/plain; version=0.0.4; charset=utf-8"
    )
