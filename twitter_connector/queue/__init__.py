"""Lanes, leases, wake-ups, the journal, the send ledger and the dead letters, in Redis."""
