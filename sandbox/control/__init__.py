"""The control API: how tests, benchmarks and the page make people act and look at what came of it."""
