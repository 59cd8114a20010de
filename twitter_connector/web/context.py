"""Gives the blueprints the services of the running application."""

from __future__ import annotations

from typing import cast

from flask import current_app

from twitter_connector.bootstrap import Services


def services() -> Services:
    return cast(Services, current_app.extensions["services"])
