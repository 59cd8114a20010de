"""Twitter v1.1, CCM and the file engine, played over real HTTP on loopback, with a page to chat on.

It knows the connector only by its URL: nothing here imports it, and nothing of it imports this.
"""
