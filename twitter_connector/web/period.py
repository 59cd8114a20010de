"""The period of a query: `since` and `until`, in the forms of model/period.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from marshmallow import RAISE, Schema, ValidationError, fields

from twitter_connector.model.period import begin_of, end_of


class PeriodSchema(Schema):
    """Which period. Both ends may be missing."""

    class Meta:
        unknown = RAISE

    since = fields.String(load_default=None)
    until = fields.String(load_default=None)


def period_of(query: Mapping[str, str | None], now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return begin and end of a period, None where it has none. Raises ValidationError."""
    moments = []
    for name, read in (("since", begin_of), ("until", end_of)):
        text = query[name]
        try:
            moments.append(read(text, now) if text else None)
        except ValueError as error:
            raise ValidationError({name: [str(error)]}) from None
    since, until = moments
    return since, until
