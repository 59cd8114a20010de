"""X API v1.1: Account Activity (premium) and v1.1 Direct Messages."""
