"""The library of X Chat, loaded when it is first needed. The service runs without it.

https://github.com/xdevplatform/chat-xdk
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from twitter_connector.errors import Permanent

MISSING = (
    "X Chat needs the package chatxdk, which is not installed here. Install it with `pip install "
    "'twitter-connector[xchat]'` for every worker. It has no wheel for musl (Alpine) and for some processors."
)


def is_installed() -> bool:
    """Return whether the library is there. Does not load it."""
    return importlib.util.find_spec("chat_xdk") is not None


def library() -> Any:
    """Return the module. Raises Permanent(chat_library_missing) if it is missing or cannot be loaded."""
    try:
        return importlib.import_module("chat_xdk")
    except (ImportError, OSError) as error:
        raise Permanent("chat_library_missing", MISSING, ours=True) from error
