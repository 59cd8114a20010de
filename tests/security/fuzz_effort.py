"""How much the properties are tried: a few seconds in `make test`, as much as one likes in `make fuzz`.

The latter sets HYPOTHESIS_PROFILE=fuzz; FUZZ_FACTOR says how many times more examples that means.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FUZZING = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
FACTOR = float(os.environ.get("FUZZ_FACTOR", "50")) if FUZZING else 1.0


def budget(examples: int) -> settings:
    """Return the settings for a property that is tried so many times in `make test`.

    There the examples are the same every time, so that a failure is one that can be had again; fuzzing looks for new
    ones, and keeps those that fail.
    """
    return settings(
        max_examples=int(examples * FACTOR),
        deadline=None,
        derandomize=not FUZZING,
        # The fixtures hold a broker and a client; what an example leaves in them is what the next one may meet.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
