"""The mark of everything in this folder, and the released version 0.1.0 as a folder of code."""

import compileall
import io
import subprocess
import tarfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from .service import ROOT, Release, Setup, running_setup

COMMIT_OF_0_1_0 = "0b309d26b8a22ed59163a6aeebf68d552286179f"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below this folder as one that starts the service."""
    here = f"{Path(__file__).parent}/"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def release_0_1_0(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The code of 0.1.0, taken from the history of this repository. Skips where the history is not there."""
    archive = subprocess.run(
        ["git", "archive", COMMIT_OF_0_1_0], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    if archive.returncode:
        pytest.skip(f"the history of this checkout does not hold release 0.1.0 ({COMMIT_OF_0_1_0[:7]})")
    folder = tmp_path_factory.mktemp("0.1.0")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    # The processes of an installation start at the same time, and each would compile these.
    for package in ("twitter_connector", "workers"):
        compileall.compile_dir(folder / package, quiet=1)
    return Release("0.1.0", folder)


@pytest.fixture
def setup() -> Iterator[Setup]:
    """A broker and a sandbox that nobody has used."""
    with running_setup(Fernet.generate_key().decode()) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of each installation's log below a failure."""
    report = yield
    if report.failed and call.when == "call":
        for value in getattr(item, "funcargs", {}).values():
            for installation in value.made if isinstance(value, Setup) else ():
                report.sections.append((f"log of {installation.release.name}", installation.output()[-8000:]))
    return report
