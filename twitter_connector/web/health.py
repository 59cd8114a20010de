"""Liveness and readiness. Readiness checks each part that a message needs."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from twitter_connector.errors import Permanent, StoreUnavailable
from twitter_connector.queue.wakeups import QUEUES, UPKEEP_QUEUE
from twitter_connector.store.resealing import check_key_quickly

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
    """Answer 200 if an event would be stored and delivered: the broker stores, the credentials key fits what is
    stored, and every queue has a living worker. `remarks`: what may lose data although the service runs."""
    svc = services()
    svc.inbox.resume()
    try:
        svc.heartbeats.store()
        problems = svc.broker_safety.problems()
        loss = svc.installation.look()
        check_key_quickly(svc.redis, svc.vault)
        snapshot = svc.status.snapshot((), [*QUEUES.values(), UPKEEP_QUEUE])
        workers, unserved = snapshot.workers, snapshot.unserved
        refused().tell(svc)
    except StoreUnavailable as error:
        return problem(503, error.detail, kind="not-ready", failing="broker", parts={"broker": "DOWN"})
    except Permanent as error:
        return problem(503, error.detail, kind="not-ready", failing="credentials-key", parts={"broker": "UP"})
    if fatal := next((p for p in problems if p.fatal), None):
        return problem(503, fatal.detail, kind="not-ready", failing="broker", parts={"broker": "UNSAFE"})
    if loss is not None and loss.nothing_left:
        return problem(503, loss.detail, kind="not-ready", failing="broker", parts={"broker": "LOST_DATA"})
    parts = {"broker": "UP", "workers": len(workers)}
    if not workers:
        detail = "No worker is alive, so events are stored but not delivered. Start `twitter-connector worker`."
        return problem(503, detail, kind="not-ready", failing="worker", parts=parts)
    if unserved:
        detail = (
            f"No worker serves these queues: {', '.join(unserved)}. Start a worker without -Q, so that it serves all: "
            "`twitter-connector worker` or `celery -A workers.app worker`."
        )
        return problem(503, detail, kind="not-ready", failing="worker", parts={**parts, "unserved": list(unserved)})
    remarks = [p.detail for p in problems] + ([loss.detail] if loss else [])
    return jsonify({"status": "UP", "parts": parts, **({"remarks": remarks} if remarks else {})})
