"""gunicorn reads this file when it is started in this folder: `gunicorn wsgi:app`. Flags win over these values."""

from twitter_connector.processes.gunicorn_conf import *  # noqa: F403
