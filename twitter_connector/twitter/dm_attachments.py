"""Media and locations of X's Direct Message objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twitter_connector.model.event import Media, Place, Variant, id_text
from twitter_connector.model.json_fields import integer_of, mapping_of, mappings_in, number_of, text_of


def attached(attachment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of DmReceived that an attachment gives: `media`, `place`, both or none.

    Its type is enough: an attachment that cannot be read becomes a note to the agent.
    """
    kinds: tuple[tuple[str, str, Callable[[Mapping[str, Any]], Media | Place]], ...] = (
        ("media", "media", media_of),
        ("location", "place", place_of),
    )
    return {
        field: read(mapping_of(attachment.get(kind)))
        for kind, field, read in kinds
        if attachment.get(kind) or attachment.get("type") == kind
    }


def media_of(media: Mapping[str, Any]) -> Media:
    """Return a photo, GIF or video. Its kind and addresses are "" where X's event does not name them."""
    variants = mappings_in(mapping_of(media.get("video_info")), "variants")
    url = text_of(media.get("media_url_https")) or text_of(media.get("media_url"))
    return Media(
        id=id_text(media.get("id_str")) or id_text(media.get("id")),
        kind=text_of(media.get("type")) or ("video" if variants else "photo" if url else ""),
        url=url,
        link=text_of(media.get("url")),
        variants=tuple(
            Variant(text_of(variant["url"]), text_of(variant.get("content_type")), integer_of(variant.get("bitrate")))
            for variant in variants
            if text_of(variant.get("url"))
        ),
        duration_ms=integer_of(mapping_of(media.get("video_info")).get("duration_millis")),
    )


def place_of(location: Mapping[str, Any]) -> Place:
    """Return a shared location. Its coordinates are None where the event names only a place."""
    point = mapping_of(location.get("shared_coordinate"))
    # GeoJSON: longitude, latitude, and the altitude where it is known.
    position = mapping_of(point.get("coordinates")).get("coordinates")
    longitude, latitude = position[:2] if isinstance(position, list) and len(position) in (2, 3) else (None, None)
    place = mapping_of(mapping_of(location.get("shared_place")).get("place"))
    return Place(
        latitude=_degrees(latitude),
        longitude=_degrees(longitude),
        name=text_of(place.get("full_name")) or text_of(place.get("name")),
        address=text_of(mapping_of(place.get("attributes")).get("street_address")),
        place_id=text_of(place.get("id")),
    )


def _degrees(value: object) -> float | None:
    number = number_of(value)
    return number if number is not None and abs(number) <= 360 else None
