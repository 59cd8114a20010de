"""The length of a post as X counts it: weighted characters, every link as 23, every emoji as two."""

import unicodedata

import regex

MAXIMUM = 280
MAXIMUM_OF_LONG_POSTS = 25_000
_LINK_LENGTH = 23
# X knows every top-level domain; without a scheme the common ones are enough here.
_LINK = regex.compile(
    r"https?://[^\s<>\"“”]+|(?<![\w@.])(?:[a-z0-9-]+\.)+(?:com|org|net|info|io|dev|app|ch|de|uk|eu)\b(?:/[^\s<>\"“”]*)?",
    regex.IGNORECASE,
)
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|[0-9#*]\ufe0f?\u20e3")
# Code points that count as one; all others count as two.
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))


def weighted_length(text: str) -> int:
    """Return the weighted length of a text."""
    normal = unicodedata.normalize("NFC", text)
    links = len(_LINK.findall(normal))
    return links * _LINK_LENGTH + sum(map(_weight, regex.findall(r"\X", _LINK.sub("", normal))))


def _weight(cluster: str) -> int:
    """Return the weight of a grapheme cluster. An emoji is two, however many code points it has."""
    if _EMOJI.match(cluster):
        return 2
    return sum(1 if any(first <= ord(each) <= last for first, last in _LIGHT) else 2 for each in cluster)
