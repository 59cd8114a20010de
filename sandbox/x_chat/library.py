"""The library of X Chat, `chatxdk`, loaded at its first use. Without it the sandbox runs and says what is missing."""

import importlib
import importlib.util
from typing import Any

MISSING = "X Chat needs the package chatxdk, which is not installed. Run `make xchat`, then start again."


class LibraryMissing(Exception):
    """Raised where the library is needed and not installed."""

    def __init__(self) -> None:
        super().__init__(MISSING)


def is_installed() -> bool:
    """Whether the library can be loaded."""
    return importlib.util.find_spec("chat_xdk") is not None


def library() -> Any:
    """Return the module `chat_xdk`. Raises LibraryMissing."""
    try:
        return importlib.import_module("chat_xdk")
    except ImportError:
        raise LibraryMissing from None


def new_chat() -> Any:
    """Return a `Chat` without keys. Raises LibraryMissing."""
    return library().Chat()
