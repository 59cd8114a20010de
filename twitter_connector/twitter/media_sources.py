"""Where a customer's file is fetched: from X's media hosts, or from an encrypted conversation."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from twitter_connector.model.account import Credentials
from twitter_connector.model.event import Media, Variant
from twitter_connector.net.answers import Incoming

from .media_download import Downloads, best_variant

ENCRYPTED = "x-chat:"


class Opens(Protocol):
    def open(self, url: str, credentials: Credentials, *, ceiling: int) -> AbstractContextManager[Incoming]: ...


class MediaSources:
    """Opens a file by its address."""

    def __init__(self, downloads: Downloads, encrypted: Opens) -> None:
        self._downloads = downloads
        self._encrypted = encrypted

    @staticmethod
    def best_variant(media: Media, ceiling: int) -> list[Variant]:
        return best_variant(media, ceiling)

    def open(self, url: str, credentials: Credentials, *, ceiling: int) -> AbstractContextManager[Incoming]:
        """Return the opened file; see Downloads.open."""
        source: Opens = self._encrypted if url.startswith(ENCRYPTED) else self._downloads
        return source.open(url, credentials, ceiling=ceiling)
