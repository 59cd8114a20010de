"""LOCATION: a point on the map, as X's own attachment or a link to a map, with name and address in the text."""

from __future__ import annotations

from typing import Any

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.event import Place
from twitter_connector.model.json_fields import mapping_in, number_in, text_in
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Plan, Point

from ..kind import Kind
from ..markdown import plain_text
from .text import text_steps, written_text

LATITUDE_MAX, LONGITUDE_MAX = 90, 180
# https://developers.google.com/maps/documentation/urls/get-started
MAP = "https://www.google.com/maps?q={},{}"


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return a message with the point. Raises UnsupportedKind if there is neither a point nor a name."""
    location, details = mapping_in(message.body, "location"), mapping_in(message.body, "additionalDetails")
    point = _point(number_in(location, "latitude", "lat"), number_in(location, "longitude", "lng", "lon", "long"))
    words = [plain_text(written_text(message)).strip()]
    for name in ("name", "address", "url"):
        part = text_in(details, name) or text_in(location, name)
        if part and all(part not in word for word in words):
            words.append(part)
    text = "\n".join(word for word in words if word)
    if point is None:
        if text:
            return Plan(text_steps(text))
        raise UnsupportedKind(
            "no_coordinates",
            "The location has no valid latitude and longitude and no name, so there is nothing to send to the "
            "customer. Send the address as text.",
        )
    latitude, longitude = point
    if not can.location:
        return Plan(text_steps("\n".join(filter(None, (text, MAP.format(latitude, longitude))))))
    # X's pages require a text beside an attachment, so the coordinates are sent as text.
    return Plan(text_steps(text or f"{latitude}, {longitude}", below={"location": Point(latitude, longitude)}))


def body_of(place: Place) -> dict[str, Any] | None:
    """Return the LOCATION body of a shared place; None without coordinates, which CIM requires."""
    point = _point(place.latitude, place.longitude)
    if point is None:
        return None
    return {
        "type": "LOCATION",
        "markdownText": "",
        "location": {"latitude": point[0], "longitude": point[1]},
        "additionalDetails": {"name": place.name, "address": place.address, "url": ""},
    }


def words_of(place: Place) -> str:
    """Return a place without coordinates as text; a note to the agent if X names nothing."""
    words = ", ".join(part for part in (place.name, place.address) if part)
    if words:
        return f"📍 {words}"
    known = f" (place id {place.place_id})" if place.place_id else ""
    return (
        f"[The customer shared a place{known} whose name and coordinates X does not give. "
        "Ask the customer for the address, or look at it in the X app.]"
    )


def _point(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    if latitude is None or longitude is None or abs(latitude) > LATITUDE_MAX or abs(longitude) > LONGITUDE_MAX:
        return None
    return latitude, longitude


KIND = Kind(("LOCATION",), to_plan)
