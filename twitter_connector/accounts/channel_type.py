"""CCM's channel type for X. CCM ships it, but an old or trimmed CCM may lack it."""

from __future__ import annotations

import logging
from enum import Enum
from typing import Protocol

from twitter_connector.errors import ConnectorError

log = logging.getLogger(__name__)

CHANNEL_TYPE = "TWITTER"


class ChannelTypes(Protocol):
    """See cim/client.py."""

    def has_channel_type(self, name: str) -> bool | None: ...
    def create_channel_type(self, name: str) -> None: ...


class ChannelType(Enum):
    """What is known of the channel type after a look. UNKNOWN: CCM did not let us see."""

    PRESENT = "present"
    CREATED = "created"
    MISSING = "missing"
    UNKNOWN = "unknown"


def ensure_channel_type(ccm: ChannelTypes) -> ChannelType:
    """Create the channel type at CCM if it is missing, and return what is known of it.

    Raises nothing: messages do not depend on it, and CCM's gateway may keep these routes for administrators.
    """
    try:
        present = ccm.has_channel_type(CHANNEL_TYPE)
    except ConnectorError as error:
        log.info("channel_type_not_checked", extra={"reason": error.reason, "status": error.status})
        return ChannelType.UNKNOWN
    if present is None:
        log.info("channel_type_not_checked", extra={"reason": "no_list"})
        return ChannelType.UNKNOWN
    if present:
        return ChannelType.PRESENT
    try:
        ccm.create_channel_type(CHANNEL_TYPE)
    except ConnectorError as error:
        # Another connector may have created it in between.
        log.info("channel_type_not_created", extra={"reason": error.reason, "status": error.status})
        return ChannelType.PRESENT if error.status == 409 else ChannelType.MISSING
    log.info("channel_type_created", extra={"name_of_type": CHANNEL_TYPE})
    return ChannelType.CREATED
