"""The use cases. Told which edges to use; constructs none."""
