"""Control API for troubles, with which the page breaks things and restores them."""

import threading

from flask import jsonify
from flask.typing import ResponseReturnValue

from sandbox.control.request_fields import Refusal, blueprint, body_fields
from sandbox.state import the_sandbox
from sandbox.troubles import TROUBLES

troubles = blueprint("troubles")

_lock = threading.Lock()


@troubles.get("/troubles")
def list_troubles() -> ResponseReturnValue:
    """List all troubles and whether they are on."""
    switches = the_sandbox().switches
    return jsonify(
        troubles=[
            {"name": name, "label": trouble.label, "on": switches.is_on(name)} for name, trouble in TROUBLES.items()
        ]
    )


@troubles.post("/troubles")
def switch() -> ResponseReturnValue:
    """Switch one trouble on or off."""
    sandbox, fields = the_sandbox(), body_fields()
    name, on = str(fields.get("name")), fields.get("on")
    if name not in TROUBLES or not isinstance(on, bool):
        raise Refusal(f"name must be one of {', '.join(TROUBLES)}, and on must be true or false")
    with _lock:
        sandbox.switches.switch(name, on=on)
    sandbox.feed.publish("troubles", {})
    return list_troubles()


@troubles.delete("/troubles")
def switch_all_off() -> ResponseReturnValue:
    """Switch all troubles off."""
    sandbox = the_sandbox()
    with _lock:
        sandbox.switches.restore()
    sandbox.feed.publish("troubles", {})
    return list_troubles()
