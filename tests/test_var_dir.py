"""Files in VAR_DIR that another user left: the start stops with one line, and `doctor` names them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tree import COMMAND, ROOT, environment

from tests.brokers import Broker, broker_process
from twitter_connector import var_dir

__all__ = ["broker_process"]

ENTRIES = ("up.lock", "broker-seen.json", "credentials.key", "metrics", "journal", "spool", "workers", "journal/lock")
OTHER = 65534


def left_by_another_user(folder: Path, name: str) -> Path:
    """Create an entry that the commands below may not use. Without root it belongs to this user, who has no right."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if "." in name or name.endswith("/lock"):
        path.touch()
    else:
        path.mkdir()
    path.chmod(0o700 if os.getuid() == 0 else 0o000)
    if os.getuid() == 0:
        os.chown(path, OTHER, OTHER)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "var"
    made.mkdir()
    return made


def run(command: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command that may not use everybody's files. Root gives that right away; it cannot give its Python away."""
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may use everybody's files, and the command setpriv, which takes that right, is missing")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", *command]
    variables = environment(VAR_DIR=str(folder), CCM_URL="http://127.0.0.1:9/ccm", **env)
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(os.getuid() != 0, reason="only root creates files that the owner of a folder cannot read")
def test_root_leaves_no_file_that_the_owner_of_the_folder_cannot_use(folder: Path, broker_process: Broker) -> None:
    os.chown(folder, OTHER, OTHER)
    doctor = [str(COMMAND), "doctor"]
    url = broker_process.settings.redis_url
    env = environment(VAR_DIR=str(folder), CCM_URL="http://127.0.0.1:9/ccm", REDIS_URL=url)
    answer = subprocess.run(doctor, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    made = {path.name: path.stat().st_uid for path in folder.rglob("*")}
    assert made.keys() >= {"credentials.key", "broker-seen.json"}, answer.stderr
    assert set(made.values()) == {OTHER}, made


LOOK = "import pathlib, sys; from twitter_connector import var_dir; print(var_dir.unusable(pathlib.Path(sys.argv[1])))"


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_of_another_user_is_named_with_the_command_that_corrects_it(folder: Path, name: str) -> None:
    path = left_by_another_user(folder, name)
    sentence = run([sys.executable, "-c", LOOK, str(folder)], folder).stdout.strip()
    assert sentence.startswith(f"VAR_DIR: {path} cannot be ")
    assert f"chown -R {os.getuid()} {folder}" in sentence


def test_a_file_that_another_process_deletes_meanwhile_stops_no_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = folder / "journal" / "1"
    replayed.parent.mkdir()
    replayed.touch()
    access = os.access

    def after_the_deletion(path: Path, mode: int) -> bool:
        if path == replayed:
            replayed.unlink()
        return access(path, mode)

    monkeypatch.setattr(os, "access", after_the_deletion)
    assert var_dir.unusable(folder) == ""
    assert not replayed.exists()


def test_what_is_not_the_services_own_is_nobodys_business(folder: Path) -> None:
    left_by_another_user(folder, "lost+found")
    assert run([sys.executable, "-c", LOOK, str(folder)], folder).stdout == "\n"


@pytest.mark.parametrize("command", ["up", "web", "worker"])
def test_the_start_stops_with_one_line(folder: Path, command: str) -> None:
    path = left_by_another_user(folder, "spool")
    done = run([str(COMMAND), command], folder, REDIS_URL="redis://127.0.0.1:9/0")
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith(("cannot start: VAR_DIR: ", "error: VAR_DIR: "))
    assert str(path) in line


def test_a_plain_gunicorn_stops_with_the_same_line(folder: Path) -> None:
    path = left_by_another_user(folder, "journal")
    done = run([sys.executable, "-m", "gunicorn", "wsgi:app"], folder, REDIS_URL="redis://127.0.0.1:9/0", PORT="1")
    assert done.returncode != 0
    assert f"error: VAR_DIR: {path} cannot be written" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can leave files of another user")
def test_doctor_sees_it_also_as_root(folder: Path, broker_process: Broker) -> None:
    (folder / "workers").mkdir()
    lock, key = folder / "workers" / "1.lock", folder / "credentials.key"
    lock.touch()
    key.write_bytes(Fernet.generate_key())
    for path in (folder, folder / "workers", lock, key):
        os.chown(path, OTHER, OTHER)
    (folder / "spool").mkdir(mode=0o700)
    assert var_dir.unusable(folder) == ""
    env = environment(
        VAR_DIR=str(folder), CCM_URL="http://127.0.0.1:9/ccm", REDIS_URL=broker_process.settings.redis_url
    )
    done = subprocess.run(
        [COMMAND, "doctor"], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert f"-> VAR_DIR: {folder / 'spool'} cannot be written by user {OTHER}: it belongs to user 0" in done.stdout
