"""Checks that CCM, the file engine and X answer, and that the answers are theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime

from twitter_connector.accounts.channel_type import CHANNEL_TYPE, ChannelType, ensure_channel_type
from twitter_connector.bootstrap import Services
from twitter_connector.errors import ConnectorError, Permanent, ServiceUnavailable
from twitter_connector.net.answers import NoAnswer, NotSent
from twitter_connector.queue.clock import DIFFERENCE_SECONDS
from twitter_connector.startup import now

from .finding import Finding

SECONDS = 5.0
# X refuses signatures that are older than some minutes. https://docs.x.com/fundamentals/authentication/oauth-1-0a
_SIGNATURE_SECONDS = 60


def ccm(svc: Services) -> Iterator[Finding]:
    """Yield whether CCM takes messages, and whether it has our channel type."""
    channel_type = ensure_channel_type(svc.cim)
    known = channel_type is not ChannelType.UNKNOWN
    try:
        answer = svc.cim.check(known_by_its_channel_types=known)
    except ConnectorError as error:
        yield Finding("CCM", False, error.reason, _advice(error, "Check CCM and CCM_URL.", "Messages"))
        return
    yield Finding("CCM", True, answer)
    if channel_type is ChannelType.MISSING:
        yield Finding(
            "channel type",
            False,
            f"CCM has no channel type {CHANNEL_TYPE}, and did not let the connector create it",
            f"Create the channel type {CHANNEL_TYPE} in CCM as an administrator.",
        )


def file_engine(svc: Services) -> Finding:
    """Return whether the file engine takes files."""
    if not svc.settings.file_engine_url:
        return Finding("file engine", False, "not configured", "Set FILE_ENGINE_URL, or pictures and videos fail.")
    try:
        answer = svc.files.check()
    except ConnectorError as error:
        advice = _advice(error, "Check it and FILE_ENGINE_URL.", "Messages with files")
        return Finding("file engine", False, error.reason, advice)
    return Finding("file engine", True, answer)


def x(svc: Services, api_url: str) -> Finding:
    """Return whether X answers, and whether its clock agrees with ours. api_url: of the API that accounts use."""
    sent = now()
    try:
        answer = svc.http_client.exchange("GET", f"{api_url}/", seconds=SECONDS)
    except (NotSent, NoAnswer) as error:
        return Finding(
            "X", False, str(error), f"Open the way to {api_url} for this machine (firewall, proxy, HTTPS_PROXY)."
        )
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return Finding("X", True, f"answers (HTTP {answer.status})")
    if theirs.tzinfo is None:  # "-0000"
        theirs = theirs.replace(tzinfo=UTC)
    difference = round((sent - theirs).total_seconds())
    if abs(difference) <= max(DIFFERENCE_SECONDS, _SIGNATURE_SECONDS):
        return Finding("X", True, f"answers (HTTP {answer.status}), its clock agrees with ours")
    detail = f"this machine's clock is {abs(difference)} s {'ahead of' if difference > 0 else 'behind'} X's"
    return Finding(
        "X", False, detail, "Synchronise this machine's clock (NTP): X refuses signatures with a wrong time."
    )


def traces(svc: Services) -> Iterator[Finding]:
    """Yield whether the collector takes spans, if traces are sent."""
    if svc.spans is None:
        return
    if svc.spans.collector_answers():
        yield Finding("traces", True, "the collector takes spans")
        return
    yield Finding(
        "traces",
        False,
        "the collector takes no spans",
        "Correct OTEL_EXPORTER_OTLP_ENDPOINT (the collector's port for HTTP is 4318) or OTEL_EXPORTER_OTLP_HEADERS, or "
        "start the collector. Messages are delivered all the same.",
    )


def _advice(error: ConnectorError, if_away: str, messages: str) -> str:
    """Return what was seen, what to do, and what becomes of messages meanwhile."""
    # The sentence of an error that is ours says what to do.
    do = f" {if_away}" if isinstance(error, ServiceUnavailable) and not error.ours else ""
    fate = "become dead letters" if isinstance(error, Permanent) else "wait"
    return f"{error.detail}{do} {messages} {fate} meanwhile."
