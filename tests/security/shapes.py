"""JSON values of every shape, and well-formed ones with a part replaced, removed or added."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

_numbers = st.integers() | st.sampled_from([0, -1, 2**63, 10**15 - 1, 10**15, 10**20, 10**4000, -(10**4000)])
_odd = ["", " ", "\x00", "\n", "\ud800", "😀", "null", "0", "-1", "1e999", "2975699229", "9" * 20, "9" * 21, "x" * 300]
scalars = (
    st.none()
    | st.booleans()
    | _numbers
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(_odd)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found += _places(inner, (*path, number))
    return found


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A copy of the value with a few places changed."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_places(value)))
        action = draw(st.sampled_from(["replace", "remove", "add", "wrap"]))
        if not path:
            if action == "replace" and draw(st.booleans()):
                return draw(values)
            continue
        owner = value
        for step in path[:-1]:
            owner = owner[step]
        last = path[-1]
        if action == "replace":
            owner[last] = draw(values)
        elif action == "remove":
            del owner[last]
        elif action == "wrap":
            owner[last] = draw(st.sampled_from([[owner[last]], {"x": owner[last]}, str(owner[last])]))
        elif isinstance(owner, dict):
            owner[draw(st.text(max_size=8))] = draw(values)
    return value
