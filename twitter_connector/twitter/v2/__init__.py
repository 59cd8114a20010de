"""X API v2: webhooks (X Activity API, Account Activity v2), the activity stream, polling and Direct Messages."""
