"""X Chat: the encrypted messages of accounts of API v2. Needs the optional library `chatxdk`."""
