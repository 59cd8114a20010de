"""A server that keeps whole uploads, and the parts of what it was sent. For the uploads of every flavour."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP

import pytest

from tests.loopback import Loopback, Seen, loopback

MIB = 1024 * 1024


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        server.keep_bytes = 8 * MIB
        yield server


def parts(seen: Seen) -> dict[str, bytes]:
    """Return the parts of a multipart body."""
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + seen.start)
    assert isinstance(message, EmailMessage)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True) or b""  # type: ignore[misc]
        for part in message.iter_parts()
    }
