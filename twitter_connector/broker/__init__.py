"""The Redis connection, its errors, and every key name. Used by `queue` and `store`."""
