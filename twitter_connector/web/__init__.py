"""The web side: verify, parse, store, answer. Only registration.py calls X, while a person waits for the answer."""
