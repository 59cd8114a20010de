"""Faults that last as long as the troubles of the chaos test do, one module for each."""
