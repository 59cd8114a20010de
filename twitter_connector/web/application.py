"""Puts the web side's routes together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from twitter_connector.bootstrap import build_services

from . import (
    accounts,
    channel_configuration,
    cim_webhook,
    dead_letters,
    health,
    messages,
    openapi,
    problems,
    registration,
    start_page,
    traced_routes,
    twitter_challenge,
    twitter_webhook,
)
from .middleware import DiscardUnreadBody, StripPrefix

if TYPE_CHECKING:
    from twitter_connector.bootstrap import Services
    from twitter_connector.config import Settings


def build(settings: Settings, services: Services | None) -> Flask:
    """Return the application with every route of the interface."""
    app = Flask("twitter_connector", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    # Neither may answer with a redirect: X takes any 3xx for a broken webhook.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["services"] = services or build_services(settings)
    problems.install(app)
    blueprints = (twitter_challenge, twitter_webhook, cim_webhook, channel_configuration, registration, accounts)
    for module in (*blueprints, dead_letters, messages, health, openapi, start_page):
        app.register_blueprint(module.bp)
    if (spans := app.extensions["services"].spans) is not None:
        traced_routes.install(app, spans)
    app.wsgi_app = DiscardUnreadBody(StripPrefix(app.wsgi_app))  # type: ignore[method-assign]
    return app
