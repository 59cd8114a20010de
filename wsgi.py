"""Web entry: builds the application from the environment; nothing else."""

from twitter_connector import create_app, logs
from twitter_connector.config import Settings

settings = Settings.from_env()
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)
