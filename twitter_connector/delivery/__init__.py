"""Takes work in and delivers it, in both directions. Is given its edges; constructs none."""
