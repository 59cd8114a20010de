"""No command prints a control character: X, CCM, the broker and the environment may contain any."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tree import COMMAND, ROOT, environment

from twitter_connector.commands import environment as commands_environment
from twitter_connector.commands import session

# Clears the screen, sets its title, goes back a line, turns the direction, starts a sequence in Latin-1.
EVIL = "a\x1b[2J\x1b]0;title\x07b\rc\u202ed\x9b31m\x7f"
FORBIDDEN = set(EVIL) - set("a[2J]0;titlebcd31m")


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize("value", [{"name": EVIL}, [{"name": EVIL, "id": "1"}], {"names": [EVIL]}])
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_shown_has_none(value: Any, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    session.show(value, as_json)
    text = printed(capsys)
    assert not FORBIDDEN & set(text)
    if as_json:
        assert json.loads(text) == value


def test_a_failure_and_an_answer_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        commands_environment.fail(EVIL)
    commands_environment.say(EVIL, False)
    assert not FORBIDDEN & set(printed(capsys))


def test_every_command_prints_through_the_one_function_that_leaves_them_out() -> None:
    for path in sorted((ROOT / "twitter_connector" / "commands").glob("*.py")):
        calls = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if (isinstance(node, ast.Attribute) and node.attr in ("echo", "secho", "write"))
            or (isinstance(node, ast.Name) and node.id == "print")
        ]
        assert len(calls) == (1 if path.name == "environment.py" else 0), f"{path.name}: {calls}"


def test_a_folder_of_such_a_name_reaches_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = environment(VAR_DIR=f"{tmp_path}/file/{EVIL}", CCM_URL="http://127.0.0.1:9/ccm")
    done = subprocess.run([COMMAND, "up"], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert not FORBIDDEN & set(done.stdout + done.stderr)
