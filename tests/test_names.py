"""Each thing has one word: the words that the glossary of docs/architecture.md replaced must not return.

A name is split at underscores and capitals, and none of its words may be replaced ones. Comments, docstrings, messages
and documents are searched for words and phrases. A phrase may continue on the next line.
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".md", ".lua", ".js", ".html", ".css", ".svg", ".yaml", ".cfg", ".toml", ".json5", ".conf"}

# Words that no name may contain, with the words to use.
IN_NAMES = {
    "adopt": "send-only account",
    "adopted": "send-only account",
    "adopting": "send-only account",
    "bell": "wake-up",
    "bells": "wake-ups",
    "buried": "dead-lettered",
    "bury": "dead-letter",
    "doorbell": "wake-up",
    "flash": "typing indicator",
    "flashes": "typing indicators",
    "heal": "check, repair",
    "healed": "repaired",
    "heals": "repairs",
    "held": "lease",
    "house": "package, service",
    "houses": "packages, services",
    "hush": "suppress wake-ups",
    "keeper": "lease renewal",
    "keepers": "lease renewal",
    "knock": "wake up, call",
    "leftovers": "middleware",
    "listing": "sent lookup, list",
    "listings": "sent lookups, lists",
    "mend": "fix, repair",
    "mended": "fixed, repaired",
    "onboard": "registration",
    "parcel": "file",
    "parcels": "files",
    "piece": "entry, part",
    "pieces": "entries, parts",
    "playmate": "fake",
    "playmates": "fakes",
    "provenance": "webhook signature",
    "ring": "wake up",
    "rings": "wakes up",
    "rung": "woken up",
    "standing": "registration status",
    "untold": "the value that is missing",
    "world": "the processes, the service",
    "worlds": "the processes, the services",
}
# Whole names that do not describe their value, or that were replaced, with the words to use.
WHOLE_NAMES = {"told": "a name for the value", "signs": "account_status", "note_signs": "note_status"}
# Patterns that no text may contain, in any case, with the words to use and an example.
IN_TEXT = {
    r"\b(door)?bells?\b": ("wake-up", "doorbell"),
    r"\bbur(y|ies|ied|ying)\b": ("dead-letter", "buried"),
    r"\bflash(es|ed)?\b": ("typing indicator", "flashes"),
    r"\bheal(s|ed|ing)?\b": ("check, repair", "heals"),
    r"\bheld\b": ("leased, kept", "held"),
    r"\bhush\w*\b": ("suppress wake-ups", "hushed"),
    r"\bkeepers?\b": ("lease renewal", "keeper"),
    r"\bknock\w*\b": ("wake up, call", "knocks"),
    r"\bleftovers?\b": ("rest", "leftovers"),
    r"\blistings?\b": ("sent lookup, list", "listing"),
    r"\blook(s|ed|ing)? after\b": ("check, repair", "looked after"),
    r"\bmend(s|ed|ing)?\b": ("fix, repair", "mend"),
    r"\bpieces?\b": ("entry, part", "pieces"),
    r"\bprovenance\b": ("signature", "provenance"),
    r"\brooms?\b(?! for)": ("package", "room"),
    r"\brung\b|\brings?\b": ("wake up", "rings"),
    r"\bsigns? of\b": ("account status, indicator", "sign of"),
    r"\bstanding\b": ("status", "standing"),
    r"\bstill ours\b": ("lease is valid", "still ours"),
    r"\bthe house\b": ("the project, the package", "the house"),
    r"\buntold\b": ("the value that is missing", "untold"),
    r"\bwalls?\b": ("dependency rule", "walls"),
}
# Where a replaced word has to be written: pattern of the path, and pattern of the text that may contain it.
EXEMPT: tuple[tuple[str, str], ...] = (
    # The tables of renamed things, and this list of words.
    (r"CHANGELOG\.md", r"^\|.*"),
    (r"tests/test_names\.py", r".*"),
    # Keys, queues and tasks keep the names of 0.1.0: during an update both versions share a broker.
    (r".*", r"\b(bell|flash|signs):|([\"`])flashes\2|:flashes\b"),
    (r"twitter_connector/broker/keys\.py", r"PREFIX \+ \"flashes\""),
    (r"twitter_connector/(queue/wakeups|model/work)\.py", r"\"flash\"|\"workers\.flash\.pass_on\""),
    (r"tests/integration/test_ordinary_commands\.py", r"\"flash\"|outbound,flash"),
    (r"tests/security/test_bodies\.py", r"\"bell\""),
    (r"tests/upgrade/.*", r".*"),
    # `heal` is the hidden alias of the command `check`.
    (r"twitter_connector/(cli|commands/check)\.py|tests/test_cli\.py", r"\bheal\b"),
)
_TEXT_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def tracked() -> list[Path]:
    """Return the files that git tracks and this test reads. Payloads are other products' texts."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return [
        ROOT / name
        for name in names
        if name and Path(name).suffix in SUFFIXES and not name.startswith("tests/payloads/") and (ROOT / name).exists()
    ]


@cache
def words_of(name: str) -> set[str]:
    """Return the words of an identifier in lower case, split at underscores and capitals."""
    return {word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", part)}


@cache
def uses_of(name: str) -> list[str]:
    """Return the words to use instead of a name, one for each reason."""
    uses = [IN_NAMES[word] for word in sorted(words_of(name) & IN_NAMES.keys())]
    return [*uses, WHOLE_NAMES[name]] if name in WHOLE_NAMES else uses


@cache
def patterns_from(word: str) -> set[str]:
    """Return the patterns of IN_TEXT that can match from this word on. Texts are long, and have few such words."""
    return {pattern for pattern in IN_TEXT if re.match(parts_of(pattern)[0], word, re.IGNORECASE)}


@cache
def parts_of(pattern: str) -> list[str]:
    """Return the patterns of the single words of a pattern of IN_TEXT."""
    return re.sub(r"\(\?!.*\)", "", pattern).split(" ")


def may_have_findings(source: str) -> bool:
    """Return False where no name is a replaced one and no pattern has all its words: for most files.

    Splitting Python source into tokens takes far longer than this.
    """
    words = set(re.findall(r"\w+", source))
    return any(map(uses_of, words)) or any(
        all(re.search(part, source, re.IGNORECASE) for part in parts_of(pattern))
        for pattern in {pattern for word in words for pattern in patterns_from(word)}
    )


@lru_cache(maxsize=1)
def tokens_of(source: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(source).readline))


def names_in(source: str) -> Iterator[tuple[int, int, str]]:
    """Yield line, column and identifier of each name in Python source. Lines start at 1."""
    for token in tokens_of(source):
        if token.type == tokenize.NAME:
            yield *token.start, token.string


def text_in(source: str) -> str:
    """Return Python source with its comments and strings in their places, and spaces instead of code."""
    lines = [" " * len(line) for line in source.splitlines()]
    for token in tokens_of(source):
        if token.type in _TEXT_TOKENS:
            row, column = token.start
            for number, part in enumerate(token.string.splitlines(), start=row - 1):
                start = column if number == row - 1 else 0
                lines[number] = lines[number][:start] + part + lines[number][start + len(part) :]
    return "\n".join(lines)


def findings(path: str, source: str) -> list[str]:
    """Return "path:line: word (use: ...)" for each replaced word. path: relative to the project's folder."""
    if not may_have_findings(source):
        return []
    lines = source.splitlines()
    exempt = [pattern for files, pattern in EXEMPT if re.fullmatch(files, path)]
    found: list[tuple[int, str, str]] = []

    def add(number: int, column: int, word: str, use: str) -> None:
        spans = (match.span() for pattern in exempt for match in re.finditer(pattern, lines[number - 1]))
        if not any(start <= column < end for start, end in spans):
            found.append((number, word, use))

    names = list(names_in(source)) if path.endswith(".py") else []
    text = text_in(source) if path.endswith(".py") else source
    words: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        for match in re.finditer(r"\w+", line):
            words.add(match[0])
            # Compound names also stand in text: log events, metrics, and the identifiers of Lua and JavaScript.
            if uses_of(match[0]) and re.search("_|[a-z][A-Z]", match[0]):
                names.append((number, match.start(), match[0]))
    for number, column, name in names:
        for use in uses_of(name):
            add(number, column, name, use)
    for pattern in [pattern for pattern in IN_TEXT if any(pattern in patterns_from(word) for word in words)]:
        use, _ = IN_TEXT[pattern]
        # Between the words of a phrase, a line may end and the next comment may begin.
        for match in re.finditer(pattern.replace(" ", r"[\s#]+"), text, re.IGNORECASE):
            number = text.count("\n", 0, match.start()) + 1
            add(number, match.start() - text.rfind("\n", 0, match.start()) - 1, match[0], use)
    return [f"{path}:{number}: {word!r} (use: {use})" for number, word, use in sorted(found)]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class TestTree:
    def test_no_replaced_word_returns(self) -> None:
        files = tracked()
        assert len(files) > 900
        assert [found for path in files for found in findings(relative(path), path.read_text("utf-8"))] == []

    def test_no_path_contains_a_replaced_word(self) -> None:
        parts = {part for path in tracked() for part in path.relative_to(ROOT).with_suffix("").parts}
        assert {part: words for part in parts if (words := words_of(part) & IN_NAMES.keys())} == {}


class TestCheck:
    """Each rule finds a planted word, so the check can fail."""

    @pytest.mark.parametrize("word", list(IN_NAMES))
    def test_a_replaced_word_in_a_name_is_found(self, word: str) -> None:
        for source in (f"{word} = 1", f"def get_{word}_now(): ...", f"class A{word.title()}B: ...", f"a.{word}()"):
            assert findings("a.py", source) == [f"a.py:1: {next(names_with(word, source))!r} (use: {IN_NAMES[word]})"]

    @pytest.mark.parametrize("name", list(WHOLE_NAMES))
    def test_a_replaced_whole_name_is_found(self, name: str) -> None:
        assert findings("a.py", f"x = 1\n{name} = 2") == [f"a.py:2: {name!r} (use: {WHOLE_NAMES[name]})"]
        assert findings("a.py", f"{name}er = 2") == []

    @pytest.mark.parametrize(("use", "sample"), list(IN_TEXT.values()))
    def test_a_replaced_phrase_is_found_in_each_kind_of_text(self, use: str, sample: str) -> None:
        expected = f"{sample!r} (use: {use})"
        assert findings("a.py", f"x = 1  # Then {sample}.") == [f"a.py:1: {expected}"]
        assert findings("a.py", f'"""Module.\n\nThen {sample}.\n"""') == [f"a.py:3: {expected}"]
        assert findings("a.py", f'raise ValueError(f"{{x}} {sample} y")') == [f"a.py:1: {expected}"]
        for document in ("a.md", "a.lua", "a.js", "a.yaml"):
            assert findings(document, f"First line.\nThen {sample}.") == [f"{document}:2: {expected}"]

    @pytest.mark.parametrize("source", ["# It looks\n# after them.", '"""It looks\nafter them."""'])
    def test_a_phrase_over_two_lines_is_found(self, source: str) -> None:
        assert len(findings("a.py", source)) == 1

    @pytest.mark.parametrize(
        ("path", "source"),
        [
            ("a.py", 'log.info("message_buried")'),
            ("a.py", 'Counter("twitter_connector_flashes_total", "Count.")'),
            ("a.lua", "local lane_held = 1"),
            ("a.js", "const ringBell = 1;"),
            ("a.md", "The log event `bell_not_rung` is written."),
        ],
    )
    def test_a_compound_name_in_text_is_found(self, path: str, source: str) -> None:
        assert findings(path, source)

    @pytest.mark.parametrize(
        ("path", "source"),
        [
            ("a.py", "spring, shield = hearing(standings)"),
            ("a.py", "# A spring, a hearing, a wallet, mushrooms; room for one more."),
            ("a.md", "`bell:in` is a key of the broker."),
            ("CHANGELOG.md", "| command | `heal` | `check` |"),
        ],
    )
    def test_a_word_that_only_resembles_one_or_is_exempt_is_allowed(self, path: str, source: str) -> None:
        assert findings(path, source) == []

    def test_an_exemption_covers_nothing_else_in_its_line(self) -> None:
        assert len(findings("a.md", "`bell:in` rings the bell.")) == 2
        assert len(findings("CHANGELOG.md", "It can heal.")) == 1


def names_with(word: str, source: str) -> Iterator[str]:
    return (name for _, _, name in names_in(source) if word in words_of(name))
