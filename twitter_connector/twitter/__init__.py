"""The only room that speaks to Twitter."""
