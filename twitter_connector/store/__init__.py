"""The only room that speaks to Redis (or Valkey)."""
