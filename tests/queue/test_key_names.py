"""Key names are spelled in broker/keys.py and nowhere else; the Lua scripts get them with each call."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from twitter_connector.broker import keys

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for package in ("twitter_connector", "workers")
    for pattern in ("*.py", "*.lua")
    for path in (ROOT / package).rglob(pattern)
    if path != Path(keys.__file__)
]
CONSTANTS = {name: value for name, value in vars(keys).items() if name.isupper()}
NAMES = [value for value in CONSTANTS.values() if isinstance(value, str) and value.startswith(keys.PREFIX)]
# Without the prefix, up to the first variable part: "due:", "fence".
STEMS = {keys.stem(name).removeprefix(keys.PREFIX) for name in NAMES} - {""}


def literals(path: Path) -> Iterator[str]:
    """Yield the texts a file spells, docstrings apart."""
    text = path.read_text("utf-8")
    if path.suffix == ".lua":
        code = re.sub(r"--.*", "", text)
        yield from (one or other for one, other in re.findall(r"'([^'\n]*)'|\"([^\"\n]*)\"", code))
        return
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def spelled_in(path: Path) -> list[str]:
    return [
        text
        for text in literals(path)
        if re.search(rf"(?<![\w-]){re.escape(keys.PREFIX)}", text)
        or any(text.startswith(stem) if stem.endswith(":") else text == keys.PREFIX + stem for stem in STEMS)
    ]


def test_no_key_name_is_spelled_outside_keys() -> None:
    assert len(SOURCES) > 100
    assert {str(path.relative_to(ROOT)): found for path in SOURCES if (found := spelled_in(path))} == {}


def test_a_spelled_key_name_is_noticed(tmp_path: Path) -> None:
    script, module = tmp_path / "script.lua", tmp_path / "module.py"
    script.write_text("redis.call('DEL', P .. 'due:' .. d) -- 'turn:'")
    module.write_text('"""tc:turn:in in a docstring."""\nKEY = f"tc:{x}"\nOTHER = "seen:" + KEY\n')
    assert spelled_in(script) == ["due:"]
    assert spelled_in(module) == ["tc:", "seen:"]


def test_every_constant_of_keys_is_used() -> None:
    used = {name for path in SOURCES for name in re.findall(r"\bkeys\.(\w+)", path.read_text("utf-8"))}
    own = Counter(re.findall(r"\w+", Path(keys.__file__).read_text("utf-8")))
    assert [name for name in CONSTANTS if name not in used and own[name] < 2] == []
