"""OpenTelemetry is installed in a folder of its own, see the Makefile."""

from __future__ import annotations

import sys
from pathlib import Path

OPENTELEMETRY = Path(sys.prefix) / "otel"
sys.path.append(str(OPENTELEMETRY))
