"""Translates messages between X and CIM. Pure: no network, no clock, no randomness, no store."""
