"""Where `celery -A workers` looks for the application. `celery -A workers.app` names it itself."""

from .app import app

__all__ = ["app"]
