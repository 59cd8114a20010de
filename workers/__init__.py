"""The Celery side: doors to the relay's use cases. Imports twitter_connector, never the other way."""
