"""The Celery side: starts worker processes. Imports twitter_connector, never the other way."""
