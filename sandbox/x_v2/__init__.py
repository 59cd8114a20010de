"""X API v2: webhooks, X Activity API, Account Activity v2, Direct Messages, media, OAuth 2.0, limits and credits."""
