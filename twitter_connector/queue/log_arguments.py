"""Encodes what goes into the message log as arguments of the lanes' scripts, in the forms of lua/take.lua."""

from __future__ import annotations

from urllib.parse import quote

from twitter_connector.model.message_log import REPLAYED, LogLine, NameSeen, NotLogged
from twitter_connector.model.work import Entry

from .log_lines import first_line, is_screen_name, lookups_of, named, repeated_line, text_of
from .timings import QueueTimings


def arrival_arguments(entry: Entry, timings: QueueTimings) -> list[str | int]:
    """Return the end of an entry: "0" if it is not logged, or "1" and five arguments."""
    arrival = entry.arrival
    if arrival is None or not timings.log:
        return ["0"]
    later = REPLAYED if entry.again else repeated_line(arrival)
    return ["1", arrival.happened_ms, first_line(arrival), later, timings.log, timings.log_most]


def log_arguments(item: LogLine | NameSeen | NotLogged, account: str, timings: QueueTimings) -> list[str | int]:
    """Return one item; nothing if the log keeps none. account: the account's id as it is written in keys."""
    if not timings.log:
        return []
    match item:
        case LogLine():
            record, lookups = f"{item.direction}:{account}:{item.entry_id}", " ".join(lookups_of(item))
            at = item.at_ms or ""
            return ["line", record, at, text_of(item), lookups, timings.log, int(item.if_new)]
        case NameSeen():
            if not is_screen_name(item.screen_name):
                return []
            return ["name", named(item.screen_name, item.customer_id), timings.log, timings.log_most]
        case NotLogged():
            customer = quote(item.customer_id, safe="")
            return ["unlog", f"{item.direction}:{account}:{item.entry_id} {customer}"]
