"""Accounts, credentials, conversations and other records in Redis."""
