"""What the relay speaks of, as frozen dataclasses. Standard library only."""
