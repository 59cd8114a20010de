"""X's own words about a refusal, as our sentences quote them."""

from __future__ import annotations

import unicodedata

from twitter_connector.model.json_fields import text_of

# Of X's words an error keeps this much.
WORDS_MAX_CHARS = 300
QUOTED_MAX_CHARS = 200


def quotable(words: object) -> str:
    """Return X's words about a file on one line, without control characters, in at most QUOTED_MAX_CHARS."""
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text_of(words))
    line = " ".join(visible.split()).strip(" .")
    return line if len(line) <= QUOTED_MAX_CHARS else f"{line[: QUOTED_MAX_CHARS - 1].rstrip()}…"
