"""How deep a JSON text is nested. Decoders have limits of their own, which differ between versions of Python."""

from __future__ import annotations

import re
from itertools import accumulate

# X's events and CIM's messages are at most ten levels deep.
DEPTH_MAX = 64

_BRACKETS = re.compile(r"[\[\]{}]")
# A string that does not end reaches to the end of the text, so that nothing is searched twice.
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)?', re.DOTALL)


def is_too_deep(text: str) -> bool:
    """Return whether more than DEPTH_MAX brackets are open at once, not counting strings. The text need not be JSON."""
    # Most texts have fewer brackets than the limit.
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return False
    brackets = _BRACKETS.findall(_STRINGS.sub("", text))
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0) > DEPTH_MAX
