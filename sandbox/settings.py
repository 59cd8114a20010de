"""What a test or benchmark may turn while the sandbox runs, and the values it starts with.

Where things are (ports, folders, the connector) is told once at the start and is not found here.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

MEBIBYTE = 1024 * 1024


@dataclass
class Settings:
    """Read at every use, so a change counts from the next request on."""

    # Seconds to wait before each new try of an event that was not answered with 200.
    retry_delays: list[float] = field(default_factory=lambda: [3.0, 27.0, 242.0])
    # Seconds Twitter waits for the answer to an event.
    delivery_timeout: float = 3.0
    # Threads per webhook. One keeps the order of events; more of them mix it, as reality may.
    delivery_threads: int = 1
    # Requests in a window per token, by endpoint name; laid over twitter/limits.py. null lifts a limit.
    limits: dict[str, int | None] = field(default_factory=dict)
    # Seconds until a limit that is used up is whole again.
    limit_window: int = 900
    # Seconds an uploaded GIF or video stays in processing.
    processing_seconds: float = 1.0
    # How many of the next uploads that need processing end as failed, and in which words.
    processing_failures: int = 0
    processing_failure_message: str = "Unsupported video format"
    # Seconds until an unused media id expires.
    media_lifetime: float = 86_400.0
    # "accepted": 202 without a body. "delivered": 200 with a DELIVERED body.
    ccm_answer: str = "accepted"
    # The file engine's MAXFILESIZE.
    max_file_bytes: int = 25 * MEBIBYTE

    def change(self, wanted: dict[str, Any]) -> None:
        """Take over the given values. Raises ValueError for an unknown name or a value of another kind."""
        for name, value in wanted.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"unknown setting {name!r}")
            present = getattr(self, name)
            fitting = float(value) if isinstance(present, float) and type(value) is int else value
            if type(fitting) is not type(present):
                raise ValueError(f"{name} must be of the kind of {present!r}")
            setattr(self, name, fitting)

    def restore(self) -> None:
        """Return to the values of the start."""
        for name, value in asdict(Settings()).items():
            setattr(self, name, value)
