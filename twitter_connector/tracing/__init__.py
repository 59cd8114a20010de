"""Traces with OpenTelemetry (optional extra `otel`). Imported only if the environment asks for traces."""
