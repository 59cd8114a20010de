"""How properties are tried in `make test`: the same examples every time, and no example is too slow on a busy machine.

Importing it is enough. tests/security has budgets of its own, for `make fuzz`.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
