"""The web side: verify, parse, take in, answer. No outgoing HTTP but in admin.py, where a person waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from .leftovers import Drained
from .paths import Prefixed

if TYPE_CHECKING:
    from twitter_connector.config import Settings
    from twitter_connector.services import Services


def build(settings: Settings, services: Services | None) -> Flask:
    """Return the application with every route of the interface."""
    from twitter_connector.services import build_services

    from . import (
        accounts,
        admin,
        cim_webhook,
        configuration,
        dead_letters,
        errors,
        health,
        twitter_webhook,
    )

    app = Flask("twitter_connector", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    # Neither may answer with a redirect: Twitter takes any 3xx for a broken webhook.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["services"] = services or build_services(settings)
    errors.install(app)
    for room in (twitter_webhook, cim_webhook, configuration, admin, accounts, dead_letters, health):
        app.register_blueprint(room.bp)
    app.wsgi_app = Drained(Prefixed(app.wsgi_app))  # type: ignore[method-assign]
    return app
