"""Liveness, and readiness of each part that a message needs."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from twitter_connector.errors import StoreUnavailable

from .context import services
from .problems import problem
from .refused_events import refused

bp = Blueprint("health", __name__)


@bp.get("/health/live")
@bp.get("/health/liveness")
@bp.get("/actuator/health/liveness")
def live() -> Response:
    return jsonify({"status": "UP"})


@bp.get("/health/ready")
@bp.get("/readiness")
@bp.get("/health/readiness")
@bp.get("/actuator/health/readiness")
def ready() -> Response:
    """Answer 200 if an event would be stored and delivered: the broker stores, a worker is alive."""
    services().inbox.resume()
    heartbeats = services().heartbeats
    try:
        heartbeats.store()
        workers = heartbeats.workers()
        refused().tell(services())
    except StoreUnavailable as error:
        return problem(503, error.detail, kind="not-ready", failing="broker", parts={"broker": "DOWN"})
    parts = {"broker": "UP", "workers": len(workers)}
    if not workers:
        detail = "No worker has been heard of lately, so events are stored but not delivered. Start `worker`."
        return problem(503, detail, kind="not-ready", failing="worker", parts=parts)
    return jsonify({"status": "UP", "parts": parts})
