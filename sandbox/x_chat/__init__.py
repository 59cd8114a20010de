"""X Chat: the key directory, encrypted conversations and media, and customers with keys of their own."""
