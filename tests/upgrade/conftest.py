"""The mark of everything in this folder, and the released version 0.1.0 as a folder of code."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from .service import ROOT, Release

COMMIT_OF_0_1_0 = "0b309d26b8a22ed59163a6aeebf68d552286179f"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below this folder as one that starts the service."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
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
    return Release("0.1.0", folder)
