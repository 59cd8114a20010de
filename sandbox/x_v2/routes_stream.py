"""Routes of the activity stream and of its connections."""

import queue
import time
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.server import caller_has_gone
from sandbox.snowflake import created_ms
from sandbox.state import Sandbox, the_sandbox
from sandbox.x_v2.caller import APP, Caller
from sandbox.x_v2.endpoint import blueprint, body_of, endpoint
from sandbox.x_v2.problems import invalid
from sandbox.x_v2.streams import ENDPOINT, Connection, line

stream = blueprint("stream")

_LOOK_SECONDS = 0.25


@stream.get("/2/activity/stream")
@endpoint("v2/activity/stream", APP, billed=True)
def read(caller: Caller) -> ResponseReturnValue:
    """Send the events of all users of the app, one JSON object a line, and empty lines between them."""
    sandbox = the_sandbox()
    minutes = request.args.get("backfill_minutes", "0")
    if not minutes.isdigit() or int(minutes) > (5 if sandbox.settings.stream_backfill else 0):
        message = f"The `backfill_minutes` query parameter value [{minutes}] is not allowed for this app"
        raise invalid(message, backfill_minutes=minutes)
    connection = sandbox.v2.streams.open(caller.app.id, request.remote_addr or "")
    for missed in _missed(sandbox, caller.app.id, int(minutes)):
        connection.lines.put(missed)
    return Response(_lines(sandbox, connection, request.environ), mimetype="application/json")


@stream.get("/2/connections")
@endpoint("v2/connections", APP)
def connections(caller: Caller) -> ResponseReturnValue:
    """List the app's connections; `status` is active, inactive or all."""
    status = request.args.get("status", "active")
    connections = the_sandbox().v2.streams.of_app(caller.app.id, active=status == "active")
    if status == "inactive":
        connections = [connection for connection in connections if connection.disconnected_at]
    shown = [connection.shown() for connection in connections[: int(request.args.get("max_results", "10"))]]
    return jsonify(data=shown, meta={"result_count": len(shown)})


@stream.delete("/2/connections")
@endpoint("v2/connections", APP)
def close_some(caller: Caller) -> ResponseReturnValue:
    """Close the connections named in the body."""
    uuids = body_of({"uuids"}, {"uuids"})["uuids"]
    if not isinstance(uuids, list) or not 1 <= len(uuids) <= 100:
        raise invalid("$.uuids: must have between 1 and 100 items")
    active = {connection.id: connection for connection in the_sandbox().v2.streams.of_app(caller.app.id)}
    return _closed({str(uuid): active.get(str(uuid)) for uuid in uuids})


@stream.delete("/2/connections/all")
@endpoint("v2/connections", APP)
def close_all(caller: Caller) -> ResponseReturnValue:
    """Close all connections of the app."""
    return _close_all(caller)


@stream.delete("/2/connections/<endpoint_id>")
@endpoint("v2/connections", APP)
def close_endpoint(caller: Caller, endpoint_id: str) -> ResponseReturnValue:
    """Close the app's connections to one endpoint."""
    if endpoint_id != ENDPOINT:
        raise invalid(f"The `endpoint_id` path parameter value [{endpoint_id}] is not valid", endpoint_id=endpoint_id)
    return _close_all(caller)


def _close_all(caller: Caller) -> ResponseReturnValue:
    return _closed({connection.id: connection for connection in the_sandbox().v2.streams.of_app(caller.app.id)})


def _closed(by_id: dict[str, Connection | None]) -> ResponseReturnValue:
    results: list[dict[str, Any]] = []
    for uuid, connection in by_id.items():
        if connection is None:
            results.append({"uuid": uuid, "success": False, "error_message": "connection not found"})
            continue
        the_sandbox().v2.streams.close(connection, "closed by the app")
        results.append({"uuid": uuid, "success": True})
    good = sum(result["success"] for result in results)
    return jsonify(data={"successful_kills": good, "failed_kills": len(results) - good, "results": results})


def _lines(sandbox: Sandbox, connection: Connection, environ: dict[str, Any]) -> Iterator[bytes]:
    """Yield lines until either side ends the connection."""
    settings, quiet_since = sandbox.settings, time.monotonic()
    try:
        # An empty chunk makes the server send the headers now.
        yield b""
        while True:
            try:
                next_line = connection.lines.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if settings.stream_notices_disconnect and caller_has_gone(environ):
                    return
                if settings.stream_silent or time.monotonic() - quiet_since < settings.stream_keep_alive:
                    continue
                next_line = b"\r\n"
            if next_line is None:
                return
            quiet_since = time.monotonic()
            yield next_line
    finally:
        if settings.stream_notices_disconnect:
            sandbox.v2.streams.close(connection, "client disconnect")


def _missed(sandbox: Sandbox, app_id: str, minutes: int) -> Iterable[bytes]:
    """Yield the messages of the last minutes, for a reader that was away."""
    since = (time.time() - minutes * 60) * 1000
    for dm in sandbox.mailbox.all() if minutes else ():
        if created_ms(dm.id) < since:
            continue
        for user_id, event_type in ((dm.sender_id, "dm.sent"), (dm.recipient_id, "dm.received")):
            for subscription in sandbox.v2.subscriptions.of_user(user_id, event_type):
                if subscription.app_id == app_id:
                    yield line(sandbox.v2_activity.message_envelope(subscription, dm, user_id))
