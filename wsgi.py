"""The web application, for any WSGI server: `gunicorn wsgi:app`, `flask --app wsgi run`."""

from twitter_connector import create_app
from twitter_connector.config import Settings
from twitter_connector.startup import require_safe_broker, require_surroundings, start_logging

settings = Settings.from_env_or_exit()
start_logging(settings)
require_surroundings(settings)
require_safe_broker(settings)
# Some servers look for the second name, `gunicorn wsgi` too.
app = application = create_app(settings)
