"""CIM's file engine."""
