"""X API v1.1, and what both APIs share: messages, media, event deliveries, OAuth 1.0a."""
