"""What a message means on the other side. Pure: no network, no clock, no randomness, no store."""
