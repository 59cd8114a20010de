"""Registers accounts at X, checks and repairs their webhooks, reads back what was missed."""
