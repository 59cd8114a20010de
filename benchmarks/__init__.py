"""What `make bench` runs: the service's own processes under load, on loopback. Read ratios, not numbers."""
