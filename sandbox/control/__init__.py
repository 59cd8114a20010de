"""The control API, with which tests, benchmarks and the page let people act and read the results."""
