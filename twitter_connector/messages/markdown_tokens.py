"""The regular expressions by which `markdown` reads a text: what is never changed, and where a mark may stand."""

from __future__ import annotations

from typing import Any

import regex

# Scripts that are written without spaces or add endings to a word: a mark may stand right beside their letters.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー"
_UNSPACED_LOOSE = r"\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WIDE_PUNCTUATION = r"\u3001-\u3003\u3008-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_EMOJI = r"\p{Emoji_Presentation}\p{Extended_Pictographic}"
_SKIPPED = r"\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0e\ufe0f\ufeff"

UNSPACED = regex.compile(rf"[{_UNSPACED}]")
# Direction marks, joiners and variation selectors are no neighbours; the character beyond them is.
INVISIBLE = regex.compile(rf"[{_SKIPPED}]")
# No mark closes behind one of these.
OPENING_ONLY = regex.compile(r"|[\s\p{Ps}]")
RUN = regex.compile(r"\*+|_+|~+|!+")
CLUSTER = regex.compile(r"[*_~!]+")
# A token without one of these changes nothing and is skipped.
SPECIAL = regex.compile(r"[*_~!`\\()\[\]{}\n]")

_EDGE = rf"\u20e3\s\"'|…\p{{Pi}}\p{{Pf}}–—,;:?{_EMOJI}{_WIDE_PUNCTUATION}"
_EDGE_BEFORE = rf"{_EDGE}\p{{Ps}}>¿¡"
_EDGE_AFTER = rf"{_EDGE}\p{{Pe}}."


def _before(more: str = "") -> Any:
    return regex.compile(rf"|[{_EDGE_BEFORE}{more}]")


def _after(more: str = "") -> Any:
    return regex.compile(rf"[{_SKIPPED}]*(?:\Z|[{_EDGE_AFTER}{more}])")


# What may stand before an opening mark and behind a closing one, by the mark and how often it stands there. `_` also
# joins the parts of names, `~` marks ranges, and `!` ends sentences, so these need a clearer edge than `*`.
BEFORE = {("*", n): _before(rf"./•·→\-{_UNSPACED}") for n in (1, 2, 3)}
BEFORE |= {("_", 1): _before(_UNSPACED_LOOSE), ("_", 2): _before(_UNSPACED), ("_", 3): _before(_UNSPACED)}
BEFORE |= {("~", 1): _before(), ("~", 2): _before(_UNSPACED), ("!", 1): _before(), ("!", 2): _before()}
AFTER = {("*", n): _after(rf"/<%•·→\-\p{{Ps}}\p{{Sc}}{_UNSPACED}") for n in (1, 2, 3)}
AFTER |= {("_", n): _after(_UNSPACED) for n in (1, 2, 3)}
AFTER |= {("~", 1): _after(), ("~", 2): _after(_UNSPACED), ("!", 1): _after(), ("!", 2): _after()}

# What may stand behind a mark that ends an address, whose own characters may be marks too: nothing that goes on.
AFTER_ADDRESS = regex.compile(rf"[*_~!.,;:?)\]\"'…”’»]*(?:\Z|[\s|{_UNSPACED}{_WIDE_PUNCTUATION}{_EMOJI}])")

# The first character of what is marked. `*#06#` and `^*^` mark nothing.
FIRST = regex.compile(
    rf"[{_SKIPPED}]*(?:[\p{{L}}\p{{N}}\p{{M}}\p{{Sc}}\p{{Ps}}\p{{Pi}}\p{{Pf}}\"'`<_§¿¡{_EMOJI}]"
    r"|@\w|\#(?:\p{L}|\d+(?![\d\#]))|[+\-−±]\d|/\p{L}|\\\S)"
)

_BALANCED = r"(?:[^\s()<>]|\((?:[^\s()<>]|\([^\s()<>]*+\))*+\))++"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]{1,20}://"
_TARGET = rf"(?:(?:{_SCHEME}|mailto:|tel:|www\.){_BALANCED}|(?:[\w\-]+\.)+\p{{L}}{{2,}}(?:[/?\#]{_BALANCED})?)"
_LABEL = r"(?:[^\[\]\n\\]|\\.|\[(?:[^\[\]\n\\]|\\.)*+\](?:\([^()\s]*+\))?)*+"
_IN_ADDRESS = rf"[^\s<>\"{_WIDE_PUNCTUATION}]"
_FACE_SIGN = r"[^()（）\s]{0,12}[^\p{L}\p{N}\s()（）*_~!]"
_FACE = r"(?:[^\p{L}\p{N}\s()（）]|\p{L}(?![\p{L}\p{N}]))"
# Python's own names look exactly like a doubled mark.
_DUNDERS = (
    "add|all|author|bool|call|class|contains|debug|del|dict|doc|enter|eq|exit|file|future|getattr|getitem|hash|import"
    "|init|iter|len|main|module|name|new|next|package|path|post_init|repr|setattr|setitem|slots|str|version"
)

TOKEN = regex.compile(
    rf"""
    (?P<code> (?m:^)[ ]{{0,3}}(?P<fence>```+)[^`\n]*\n(?s:.*?)(?:\n[ ]{{0,3}}(?P=fence)`*[ ]*(?m:$)|\Z)
            | (?<![`\p{{L}}\p{{N}}])(?P<ticks>`+)(?!`)(?:[^`\n]|(?!(?P=ticks)(?!`))`++){{1,400}}?(?P=ticks)
              (?![`\p{{L}}\p{{N}}])
            | /\*(?s:.{{0,400}}?)\*/
            | \b__(?:{_DUNDERS})__\b )
    | (?P<link> (?:(?<!\w)!)?\[(?P<label>{_LABEL})\]
                \([ ]?<?(?P<target>{_TARGET})>?(?:[ ]+(?:"[^"\n]*"|'[^'\n]*'))?[ ]?\) )
    | (?P<shrug> \\{{1,3}}_{{1,2}}[(（][^\n()（）]{{1,8}}[)）]\\?_{{1,2}}/ )
    | (?P<face> (?<![\p{{L}}\p{{N}}])[:;=8][\-'^o]?(?:[*_~!][()\[\]DPp]?|[()])(?![\p{{L}}\p{{N}}*_~!])
              | (?<![\w*])\*[oO]\*(?![\w*])
              | [(（](?={_FACE_SIGN}){_FACE}{{2,14}}[)）]
              | _[(（](?={_FACE_SIGN})(?:{_FACE}|\p{{N}}){{2,14}}[)）]_ )
    | (?P<address> {_SCHEME}{_IN_ADDRESS}+
                 | (?<![\w@.\-])(?:[\w\-]+\.)+\p{{L}}{{2,}}(?::\d+)?[/?\#]{_IN_ADDRESS}*
                 | (?<![\w@.\-])(?:localhost|\d{{1,3}}(?:\.\d{{1,3}}){{3}})(?::\d+)?/{_IN_ADDRESS}*
                 | (?<!\w)(?:[A-Za-z]:|\\)\\[^\s"<>|]*
                 | (?<![\w/.\-])(?:~|\.{{1,2}}|[\w.\-]*\w)?/[\w.@+~\-]+(?:/[\w.@+~\-]*)* )
    | (?P<name> (?<![\w.+\-])[\w.+\-]+@(?:[\p{{L}}\p{{N}}\-]+\.)+\p{{L}}{{2,}}
              | (?<!\w)[@＠\#＃$]\w+
              | (?<![\w\-])\w[\w+\-]*(?:\.[\w+\-]+){{0,8}}?\.\p{{L}}[\p{{L}}\p{{N}}]{{0,9}}(?![\p{{L}}\p{{N}}]) )
    | (?P<escape> (?<!\\)\\[*_~!] )
    | (?P<marks> [*~!]+(?=_)(?=(?:(?&name)|(?&code))(?!_)) | [*_~!]+ )
    | (?P<bracket> [()\[\]{{}}] )
    | (?P<newline> \n )
    """,
    regex.VERBOSE,
)
