"""X (API v2 and v1.1), CCM and the file engine, played over real HTTP on loopback, with a page to chat on.

It knows the connector by its URL only. Neither imports the other.
"""
