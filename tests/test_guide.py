"""Run docs/guide.md word for word in one shell against the whole service and compare the answers. Compare
docs/operations.md with the log events and reasons in the code.

Before each command of the guide stands a comment: `guide: run`, or `guide: run until` where the answer takes a moment
to become true; `with chatxdk` at its end where the library of X Chat is needed. What follows `answer` is what must
come back: `json` a value, `text` lines, `http` a status, headers that must be among those sent, and a value. Only the
two ports differ from a `make run`; ids and moments may.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue

import pytest
from tree import ROOT, Tree

from twitter_connector import errors
from twitter_connector.twitter.error_codes import CODES, PROBLEMS

GUIDE = ROOT / "docs" / "guide.md"
OPERATIONS = ROOT / "docs" / "operations.md"
UNTIL_SECONDS = 30.0
COMMAND_SECONDS = 90.0

_BLOCK = re.compile(
    r"^<!-- guide: run(?P<until> until)?(?P<chat> with chatxdk)? -->\n```sh\n(?P<command>.*?)^```\n"
    r"(?:<!-- answer -->\n```(?P<form>json|text|http)\n(?P<answer>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
# What differs from run to run. X's ids have 15 digits and more; the guide's account and customer ids have fewer.
_CHANGING = re.compile(
    r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<id>\b\d{15,20}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00|\b1\d{9}\.\d+\b|\b1\d{12}\b)"
)


@dataclass(frozen=True)
class Step:
    """A command of the guide and the answer it shows. form: None where it shows none."""

    line: int
    command: str
    until: bool
    chat: bool
    form: str | None
    answer: str


def steps(document: str) -> list[Step]:
    """Return the guide's steps in their order."""
    return [
        Step(
            line=document.count("\n", 0, match.start("command")) + 1,
            command=match["command"],
            until=bool(match["until"]),
            chat=bool(match["chat"]),
            form=match["form"],
            answer=match["answer"] or "",
        )
        for match in _BLOCK.finditer(document)
    ]


class Shell:
    """A shell that stays open, as the guide asks for, in a folder that looks like the project's."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        (folder / ".venv").mkdir()
        for name in ("wsgi.py", "sandbox"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        self._process = subprocess.Popen(
            ["sh"], cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def run(self, command: str) -> tuple[int, str]:
        """Return the exit status of the last command typed and what all of them printed."""
        mark = f"--- {uuid.uuid4()} "
        assert self._process.stdin is not None
        self._process.stdin.write(f'{command}\nprintf "\\n%s%s\\n" "{mark}" "$?"\n'.encode())
        self._process.stdin.flush()
        output: list[str] = []
        end = time.monotonic() + COMMAND_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                raise AssertionError(f"no end within {COMMAND_SECONDS:g} s of:\n{command}") from None
            if line.startswith(mark):
                # The line end before the mark is ours.
                return int(line.removeprefix(mark)), "".join(output).removesuffix("\n")
            output.append(line)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.decode())


@pytest.fixture
def shell(new_tree: Callable[[], Tree], tmp_path: Path) -> Iterator[Shell]:
    """A shell beside a service that has just been started, as `make run` starts it."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed, and the guide's commands need it")
    tree = new_tree()
    tree.start(warm=False)
    # The tree's own settings, for the command line; an operator with the default ports needs none.
    shell = Shell(tmp_path, {**tree.env, "NO_PROXY": "*", "GUIDE_PORTS": f"{tree.port} {tree.sandbox_port}"})
    yield shell
    shell.close()


@pytest.mark.integration
def test_each_command_of_the_guide_answers_what_the_guide_shows(shell: Shell) -> None:
    has_chat = find_spec("chat_xdk") is not None
    guide = [step for step in steps(GUIDE.read_text()) if has_chat or not step.chat]
    _, ports = shell.run('echo "$GUIDE_PORTS"')
    fixed = "\n".join(step.command for step in guide)
    for step in guide:
        command, answer = (_on_ports(text, ports) for text in (step.command, step.answer))
        end = time.monotonic() + (UNTIL_SECONDS if step.until else 0.0)
        while True:
            status, output = shell.run(command)
            differs = _difference(step.form, answer, output, fixed)
            if not differs or time.monotonic() > end:
                break
            time.sleep(0.1)
        assert status == 0, f"docs/guide.md:{step.line} ended with status {status}:\n{command}{output}"
        assert not differs, f"docs/guide.md:{step.line} {differs}"


def test_every_command_block_of_the_guide_is_run() -> None:
    guide = GUIDE.read_text()
    assert len(steps(guide)) == guide.count("```sh\n")
    assert len([s for s in steps(guide) if s.form]) == guide.count("<!-- answer -->")


def test_the_guide_registers_on_api_v2_first_and_on_api_v1_1_second() -> None:
    registered = [
        re.findall(r'"api":"([^"]+)"', step.answer) for step in steps(GUIDE.read_text()) if step.form == "http"
    ]
    assert [api for apis in registered for api in apis] == ["v2", "v1.1"]


@pytest.mark.parametrize(
    ("form", "shown", "output"),
    [
        ("json", '{"subscribed": true}', '{"subscribed": false}'),
        ("json", '{"id": "2124886781525491712"}', '{"id": "acme"}'),
        ("json", '{"a": "2124886781525491712", "b": "2124886781525491712"}', '{"a": "212488678152549", "b": "3"}'),
        ("text", "204", "404"),
        ("http", "HTTP/1.1 200\n\n{}", "HTTP/1.1 202 ACCEPTED\r\n\r\n{}"),
        ("http", "HTTP/1.1 200\nContent-Type: a/b\n\n{}", "HTTP/1.1 200 OK\r\nContent-Type: c/d\r\n\r\n{}"),
    ],
)
def test_an_answer_that_is_another_one_is_noticed(form: str, shown: str, output: str) -> None:
    assert _difference(form, shown, output, "")


def test_ids_and_moments_may_differ_but_stay_the_same_within_an_answer() -> None:
    shown = '{"id": "2124886781525491712", "of": "2124886781525491712", "at": "2026-11-23T15:24:53.777+00:00"}'
    output = '{"of": "999999999999999999", "id": "999999999999999999", "at": "2031-01-01T00:00:00+00:00"}'
    assert not _difference("json", shown, output, "")
    assert _difference("json", shown, output.replace("9999", "8888", 1), "")


def _on_ports(text: str, ports: str) -> str:
    port, sandbox_port = ports.split()
    return text.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("127.0.0.1:8090", f"127.0.0.1:{sandbox_port}")


def _difference(form: str | None, shown: str, output: str, fixed: str) -> str:
    """Return how an answer differs from the one shown, or "". fixed: all commands of the guide; an id in them must
    match exactly, any other id may differ."""
    if form is None:
        return ""
    if form == "http":
        shown_head, _, shown = shown.partition("\n\n")
        output_head, _, output = output.replace("\r\n", "\n").partition("\n\n")
        status, *headers = shown_head.splitlines()
        sent = output_head.splitlines()
        missing = [h for h in headers if h.lower() not in [s.lower() for s in sent]]
        if not sent or not sent[0].startswith(f"{status} ") or missing:
            return f"shows {shown_head!r}, but this came:\n{output_head}\n{output}"
    if form in ("json", "http"):
        try:
            shown, output = (json.dumps(json.loads(text), indent=1, sort_keys=True) for text in (shown, output))
        except ValueError:
            return f"shows JSON, but this came:\n{output}"
    expected, actual = (_steady(text.strip(), fixed) for text in (shown, output))
    return "" if expected == actual else f"shows\n{expected}\nbut this came:\n{actual}"


def _steady(text: str, fixed: str) -> str:
    """Return the text with ids and times, which differ from run to run, replaced by numbered names."""
    names: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        value = match[0]
        if match["time"]:
            return "<time>"
        return value if value in fixed else names.setdefault(value, f"<{match.lastgroup} {len(names) + 1}>")

    return _CHANGING.sub(named, text)


# What the code logs and raises, and the operations page


@cache
def _calls() -> list[ast.Call]:
    return [
        node
        for package in ("twitter_connector", "workers")
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def _words(node: ast.AST) -> Iterator[str]:
    """Yield the strings in an expression that look like a code: an event's name or a reason."""
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Constant)
            and isinstance(part.value, str)
            and re.fullmatch(r"[a-z]+(_[a-z]+)*", part.value)
        ):
            yield part.value


def test_the_operators_page_explains_every_event_that_is_logged_as_a_warning_or_an_error() -> None:
    logged = set()
    for call in _calls():
        if isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "log":
            if call.func.attr in ("warning", "error"):
                logged.update(_words(call.args[0]))
            elif call.func.attr == "log":
                logged.update(_words(call.args[1]))
    assert len(logged) > 20
    assert sorted(event for event in logged if f"`{event}`" not in OPERATIONS.read_text()) == []


def test_the_operators_page_has_every_reason_for_which_something_waits_or_is_given_up() -> None:
    raised = {cls.__name__ for cls in _below(errors.ConnectorError)} | {"kind", "_refused"}
    reasons = {row[1] for row in (*CODES.values(), *PROBLEMS.values())}
    for call in _calls():
        if _name(call) in raised and call.args and isinstance(call.args[0], ast.Constant):
            reasons.update(_words(call.args[0]))
    assert len(reasons) > 60
    assert sorted(reason for reason in reasons if f"`{reason}`" not in OPERATIONS.read_text()) == []


def _below(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from _below(child)
