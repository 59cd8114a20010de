"""Pins the base images of deploy/Dockerfile and deploy/compose.yaml to their present digests: `make image-digests`.

Needs docker and the network. A tag may name another image tomorrow; a digest never does.
https://docs.docker.com/reference/cli/docker/buildx/imagetools/inspect/
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# Our own image, which the compose file builds.
OWN = "twitter-connector"
_IMAGE = re.compile(r"^(FROM |\s+image: )(?P<name>[^\s@]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class NoDigest(Exception):
    """The digest of an image could not be looked up. The text is one sentence."""


def pinned(text: str, digests: dict[str, str]) -> str:
    """Return a Dockerfile or compose file with a digest behind each image of others. digests: looked up so far."""

    def pin(match: re.Match[str]) -> str:
        name = match["name"]
        if name.startswith(f"{OWN}:"):
            return match[0]
        if name not in digests:
            digests[name] = digest(name)
        return f"{match[1]}{name}@{digests[name]}"

    return _IMAGE.sub(pin, text)


def digest(image: str) -> str:
    """Return the digest of an image for all architectures. Raises NoDigest."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoDigest(f"docker cannot be run ({type(error).__name__})") from None
    found = _DIGEST.fullmatch(answer.stdout.strip())
    if answer.returncode or not found:
        why = (answer.stderr.strip().splitlines() or ["no digest in its answer"])[-1]
        raise NoDigest(f"docker could not look up {image} ({why})")
    return found[0]


def main(folder: Path) -> int:
    """Rewrite the files in a folder, all or none. Return the exit status."""
    paths = [folder / "Dockerfile", folder / "compose.yaml"]
    digests: dict[str, str] = {}
    try:
        texts = [pinned(path.read_text("utf-8"), digests) for path in paths]
    except NoDigest as error:
        sys.stderr.write(f"image-digests: {error}. This needs docker and the network. Nothing was changed.\n")
        return 1
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, "utf-8")
    for name, found in sorted(digests.items()):
        sys.stdout.write(f"{name}@{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))
