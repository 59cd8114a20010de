"""The Twitter (X) Direct Message channel connector for Expertflow CIM. `create_app` builds its web side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from twitter_connector.bootstrap import Services
    from twitter_connector.config import Settings


def create_app(settings: Settings, services: Services | None = None) -> Flask:
    """Return the Flask application. Tests pass their own services."""
    # Imported here so that the pure packages can be imported without Flask, Redis or Celery.
    from twitter_connector.console import install
    from twitter_connector.web.application import build

    app = build(settings, services)
    install(app, settings)
    return app
