"""What agents and bots write is what the customer reads: marks go, and every other character stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tests.property_settings  # noqa: F401 - properties are tried without a deadline
from twitter_connector.messages.markdown import plain_text

# Names, addresses, numbers, code, emoticons and prose. None of these characters is a mark.
UNCHANGED = [
    "",
    "Guten Tag, Ihre Bestellung ist unterwegs.",
    # names and tags
    "Thanks @_k_",
    "Thanks @_k_ and @ada_!",
    "@__x__ and @names_with_underscores_",
    "#_tag_ #a_b_",
    "snake_case_name",
    "user_name_ and _other",
    "報告_最終_版",
    "2024年_売上_表.xlsx",
    "Kund*innen und Mitarbeiter*innen",
    "Liebe*r Kund*in, liebe Kolleg_innen",
    "M*A*S*H, E*TRADE, Toys*R*Us",
    "Panic! at the Disco, Yahoo! and Jeopardy!",
    "!Kung San of !Xun",
    # addresses
    "example.com/wiki/_start_",
    "see https://example.com/wiki/_start_ now",
    "https://example.com/_a_/*b*",
    "https://en.wikipedia.org/wiki/Foo_(bar)_baz",
    "_x https://example.com/_y_ z",
    "https://example.com/a~b~/?q=*x*&r=!y!",
    "https://ja.wikipedia.org/wiki/*日本*版",
    "localhost:8000/_x_ and 192.168.0.1/_a_",
    "_k_@example.com",
    "first_last_@example.com, j***@example.com",
    "mailto:_a_b_@example.com",
    "ftp://files.example.com/_in_/a*b*c",
    "myapp://open/_home_",
    # files and paths
    "__init__.py",
    "_config.yml and __main__.py",
    "my_file_v2_final_.tar.gz",
    "*.txt and *.pdf",
    "~/.bashrc ~/x",
    "/usr/_x_/y ./_y_ ../_z_",
    "src/_app_/views_test.py",
    r"C:\_temp\_x\*.txt",
    r"\\server\_share_\x",
    # numbers
    "2*3*4",
    "2*3*4 = 24, 2 * 3 * 4",
    "5! = 120, 4! = 24",
    "1_000_000",
    "~10~20 km, ~5 and ~6",
    "+41 (0)44 123~45~67",
    "CH93 0076 2011 6238 5295 7",
    "**** **** **** 1234",
    "****1234 and ****5678",
    "Dial *100# or *100*2#",
    "*#06# *#*#4636#*#*",
    "Preis* und Versand*",
    "5* und 4* Hotel",
    "(*siehe unten) Preis 5*",
    "*ab 3 Stück\n*ab 5 Stück",
    "CHF 5.–/Mt.*, €10,-*",
    "縦*横*高さ=体積",
    "5*6=30個",
    "月~金 9~18時、東京~大阪~京都",
    # code
    "`*not bold*` and `a_b` and ``_x_ ` _y_``",
    "```python\n*args, _x_ = f(**kw)\n\n__slots__ = ()\n```",
    "```\n*never closed*",
    '__name__ == "__main__"',
    "the __init__ method",
    "def f(*args, **kwargs): return g(*args, **kwargs)",
    "char **argv, char *x, int *p = &a;",
    "x**2 + y**2",
    "SELECT * FROM t; rm -rf *",
    "/* a *comment* here */",
    "if (!done) return!",
    "a[b](c) and f[0](x_y)",
    "color: red !important; margin: 0 !important",
    "foo._bar_._baz_",
    "--_x_--, $_POST, $_x_",
    # emoticons
    r"¯\_(ツ)_/¯",
    r"whatever ¯\_(ツ)_/¯ *shrug",
    ":-* and :-*",
    ":* :* ;* 8-) :-! :!",
    ":_( sad :_( and :_)",
    "(*^▽^*) (*_*) ^_^ *_* -_- T_T (o^_^o) (*´ω`*) >_<",
    "_(:3」∠)_ m(_ _)m ╮(╯_╰)╭",
    "*o* and ~_~",
    # sentences
    "Hi! Yes! Sure!",
    "Was?! Nein!! Doch!!!",
    "wow !!1!",
    "Bonjour ! Merci !",
    "f**k s***t",
    "geht`s *so` gibt`s",
    # layout stays as it is written
    "* point\n* point\n  * inner",
    "- a\n- b\n\n1. one\n2) two",
    "# Heading\n\n> quote\n\n| a | b |\n|---|---|",
    "***\n---\n___",
    "a  \nb\\\nc\r\n\td ",
    "<b>bold</b> &amp; <https://example.com/_x_>",
    "[sic] (see) [1](2) [x] [ ] [a][b]",
    "*open, _open, ~open, !open",
    "*a\nb*",
    "ün*ïcö*dë",
    "سعر*المنتج*هنا",
]

CHANGED = [
    # one mark, doubled, nested
    ("Your order leaves *today*.", "Your order leaves today."),
    ("_it_ ~gone~ !new!", "it gone new"),
    ("**bold** __em__ ~~gone~~ !!new!!", "bold em gone new"),
    ("***both*** ___both___", "both both"),
    ("*_both_* **_~three~_**", "both three"),
    ("*a **b*** and ***c** d*", "a b and c d"),
    ("*two words* and *more*", "two words and more"),
    ("!important!", "important"),
    ("*Achtung!* !*x*!", "Achtung! x"),
    ("*Wow!!*", "Wow!!"),
    ("**Hinweis:** text, **Preis:** *CHF 10.–*", "Hinweis: text, Preis: CHF 10.–"),
    ("(_so_) “*so*” »*so*« „*so*“ l'*important*", "(so) “so” »so« „so“ l'important"),
    ("*Ada*'s *A* – _B_, *a*/*b*", "Ada's A – B, a/b"),
    ("*$5* *#1* *-5%* *50*% *10*€", "$5 #1 -5% 50% 10€"),
    ("*snake_case_name* and _2*3*4_", "snake_case_name and 2*3*4"),
    ("*(see below)* *“Ada”*", "(see below) “Ada”"),
    # every script
    ("これは*重要*です", "これは重要です"),
    ("これは**「重要」**です。", "これは「重要」です。"),
    ("これは_重要_です、~~中止~~です", "これは重要です、中止です"),
    ("请在*今天*之前回复", "请在今天之前回复"),
    ("이것은 *중요*합니다", "이것은 중요합니다"),
    ("ข้อความ*สำคัญ*มาก", "ข้อความสำคัญมาก"),
    ("*مهم* جدا و _عاجل_", "مهم جدا و عاجل"),
    ("\u200f*חשוב*\u200f מאוד", "\u200fחשוב\u200f מאוד"),
    ("*Важно*: _срочно_!", "Важно: срочно!"),
    ("*महत्वपूर्ण* सूचना", "महत्वपूर्ण सूचना"),
    ("👉*Hier*👈 ❤️*Danke*❤️ 1️⃣*Eins*", "👉Hier👈 ❤️Danke❤️ 1️⃣Eins"),
    ("*👍🏽 ok*", "👍🏽 ok"),
    # addresses, names and files inside marks
    ("*https://example.com/pay*", "https://example.com/pay"),
    ("_https://example.com/a_b_", "https://example.com/a_b"),
    ("~https://example.com/a~.", "https://example.com/a."),
    ("**<https://example.com/a>**", "<https://example.com/a>"),
    ("*https://example.com/a*b/c*", "https://example.com/a*b/c"),
    ("*siehe https://example.com/pay* und *mehr*", "siehe https://example.com/pay und mehr"),
    ("(*https://example.com/pay*).", "(https://example.com/pay)."),
    ("これは*https://example.com/pay*です", "これはhttps://example.com/payです"),
    ("*これはhttps://example.com/pay*です", "これはhttps://example.com/payです"),
    ("*https://example.com/_x_/* *example.com/_y_*", "https://example.com/_x_/ example.com/_y_"),
    ("*ada@example.com* _ada@example.com_", "ada@example.com ada@example.com"),
    ("*@_k_* _@ada_ *#tag_*", "@_k_ @ada #tag_"),
    ("*__init__.py* _config.yml_ **a_b.txt**", "__init__.py config.yml a_b.txt"),
    ("_siehe /etc/hosts_", "siehe /etc/hosts"),
    ("**`pip install a_b`**", "`pip install a_b`"),
    ("*+41 44 123 45 67*", "+41 44 123 45 67"),
    # links with a label
    ("[our page](https://example.com/a_b_c)", "our page (https://example.com/a_b_c)"),
    ("[https://example.com/a](https://example.com/a)", "https://example.com/a"),
    ("[example.com](https://www.example.com/)", "https://www.example.com/"),
    ("[Foo](https://en.wikipedia.org/wiki/Foo_(bar))", "Foo (https://en.wikipedia.org/wiki/Foo_(bar))"),
    ("*[our page](https://example.com/_a_)*", "our page (https://example.com/_a_)"),
    ("[*our* page](https://example.com) now", "our page (https://example.com) now"),
    ('[a](https://example.com/x "Title") [](https://example.com)', "a (https://example.com/x) https://example.com"),
    ("[b](<https://example.com/x>)", "b (https://example.com/x)"),
    ("[a@example.com](mailto:a@example.com)", "a@example.com"),
    ("[Write](mailto:a@example.com) or [call](tel:+41441234567)", "Write (a@example.com) or call (+41441234567)"),
    ("![Logo](https://example.com/l.png)", "Logo (https://example.com/l.png)"),
    ("Hello![Page](https://example.com)", "Hello!Page (https://example.com)"),
    ("[[1]](https://example.com/1)", "[1] (https://example.com/1)"),
    ("[![a](https://e.com/i.png)](https://e.com)", "a (https://e.com/i.png) (https://e.com)"),
    # escapes
    (r"\*not bold\* and snake\_case", "*not bold* and snake_case"),
    (r"\~ca. 5\~ \!x\!", "~ca. 5~ !x!"),
    (r"¯\\\_(ツ)\_/¯", r"¯\_(ツ)_/¯"),
    # layout around marks
    ("- *a*\n- **b**: c\n1. _d_", "- a\n- b: c\n1. d"),
    ("# *Title*\n> **quote**\n| **a** | *b* |", "# Title\n> quote\n| a | b |"),
    ("*a* \r\n\r\n _b_  ", "a \r\n\r\n b  "),
    ("*a* `*b*` *c*", "a `*b*` c"),
]


def test_the_tables_are_long_enough_to_show_the_kind() -> None:
    assert len(UNCHANGED) + len(CHANGED) >= 140


@pytest.mark.parametrize("text", UNCHANGED)
def test_a_text_without_marks_stays_as_it_is(text: str) -> None:
    assert plain_text(text) == text


@pytest.mark.parametrize(("marked", "plain"), CHANGED)
def test_marks_go_and_everything_else_stays(marked: str, plain: str) -> None:
    assert plain_text(marked) == plain


@pytest.mark.parametrize("plain", [plain for _, plain in CHANGED if "*not bold*" not in plain and "!x!" not in plain])
def test_what_was_read_once_reads_the_same_the_second_time(plain: str) -> None:
    assert plain_text(plain) == plain


# Words as people write them. The generator knows nothing of how marks are read.
letters = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=8)
slugs = st.text("abcXYZ019_*~!-", min_size=1, max_size=12)
urls = st.builds("https://{}.example/{}".format, st.text("abcxyz", min_size=1, max_size=6), slugs)
handles = st.builds("@{}".format, st.text("abcxyz019_", min_size=1, max_size=15))
emails = st.builds(
    "{}@{}.example".format,
    st.text("abcxyz019_.", min_size=1, max_size=10).filter(lambda t: t[0] + t[-1] != ".." and t.strip(".") == t),
    st.text("abcxyz", min_size=1, max_size=6),
)
files = st.builds("{}.{}".format, st.text("abcxyz019_", min_size=1, max_size=10), st.sampled_from(["py", "txt", "pdf"]))
numbers = st.builds(
    "{}{}{}".format, st.integers(0, 9999), st.sampled_from([".", ",", "*", "_", "'", ""]), st.integers(0, 99)
)
snakes = st.builds("{}_{}_{}".format, *[st.text("abcxyz", min_size=1, max_size=5)] * 3)
faces = st.sampled_from([r"¯\_(ツ)_/¯", ":-*", "^_^", "-_-", "T_T", "(*_*)", ":)", ":(", "<3", "o_O", "(^_^)"])
ends = st.sampled_from(["", ".", ",", "!", "?", "!!", "…", ":", " -"])
spaces = st.sampled_from([" ", "  ", "\n", "\n\n", "\t", " \r\n"])
unmarked_words = st.builds("{}{}".format, st.one_of(letters, handles, emails, files, numbers, snakes, faces), ends)
unmarked = st.lists(st.tuples(st.one_of(unmarked_words, urls), spaces), max_size=12).map(
    lambda parts: "".join(word + space for word, space in parts)
)
MARKS = ["*", "_", "~", "!", "**", "__", "~~", "!!"]


@given(unmarked)
def test_prose_names_addresses_numbers_and_emoticons_are_never_changed(text: str) -> None:
    assert plain_text(text) == text


@given(unmarked, st.sampled_from(MARKS), st.lists(letters, min_size=1, max_size=4), unmarked)
def test_only_the_marked_words_lose_their_marks(before: str, mark: str, words: list[str], after: str) -> None:
    inner = " ".join(words)
    assume(f"{mark}{inner}{mark}" not in ("*o*", "*O*"))
    assert plain_text(f"{before} {mark}{inner}{mark} {after}") == f"{before} {inner} {after}"


@given(urls, st.sampled_from(MARKS), unmarked, unmarked)
def test_no_address_is_altered(url: str, mark: str, before: str, after: str) -> None:
    assert plain_text(f"{before} {url} {after}") == f"{before} {url} {after}"
    if not set(url) & set("*_~!"):
        assert plain_text(f"{before} {mark}{url}{mark} {after}") == f"{before} {url} {after}"


@given(st.text(max_size=60))
def test_a_text_without_any_mark_character_is_the_same_text(text: str) -> None:
    assume(not set(text) & set("*_~![]()\\"))
    assert plain_text(text) == text


@given(st.text("ab *_~!\n.:/#重要です", max_size=40))
def test_only_marks_ever_go(text: str) -> None:
    assert [c for c in plain_text(text) if c not in "*_~!"] == [c for c in text if c not in "*_~!"]


@pytest.mark.parametrize(
    "unit",
    [
        *["*a ", "a* ", "[", "[a", "(", " `a`b", "```a\n", "/*", "1.", "a.", "\\", "*_", "重*要*で", "_@a_ ", "](("],
        *["(*_[a](b) ", "\u200b*", "www.", "a/", "[a](https://(", "(^_", "``` ", "\\*"],
    ],
)
def test_the_time_grows_with_the_length_and_not_with_its_square(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        plain_text(text)
        return time.process_time() - began

    # Ten times the text: about 10 where it is linear, 100 where it is not.
    assert seconds(60_000) < 40 * max(seconds(6_000), 0.002)
