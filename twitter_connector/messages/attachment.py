"""The file of a CIM body: its address, its name and the text beside it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

from twitter_connector.model.json_fields import Fields, mapping_in, number_in, text_in
from twitter_connector.model.message import CimMessage, StoredFile
from twitter_connector.model.plan import MediaRef

from .kinds.text import written_text
from .markdown import plain_text
from .text import one_line

_mime = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+*-]*")
# The file engine puts a number before each file name.
_tag = re.compile(r"^[0-9]+_+")


def attachment_of(body: Fields) -> MediaRef | None:
    """Return the body's file; None if it names no address."""
    attachment = mapping_in(body, "attachment")
    url = text_in(attachment, "mediaUrl", "mediaURL", "url") or text_in(body, "mediaUrl", "mediaURL")
    if not url:
        return None
    size = number_in(attachment, "size")
    return MediaRef(
        url=url,
        name=_base_name(text_in(attachment, "mediaName") or _named_file(body)) or name_in(url),
        mime_type=mime_type_of(text_in(attachment, "mimeType")),
        size_bytes=int(size) if size is not None and size >= 1 else None,
    )


def stored_body(type_: str, stored: StoredFile) -> dict[str, object]:
    """Return the body of a file in the file engine, in the form that the agent's desk shows."""
    file = type_ == "FILE"
    return {
        "type": type_,
        "markdownText": "",
        "caption": "" if file else stored.name,
        # The desk reads the name of a FILE here. It needs an object for all types.
        "additionalDetails": {"fileName": stored.name} if file else {},
        "attachment": {
            "mediaUrl": stored.url,
            "mimeType": mime_type_of(stored.mime_type) or stored.mime_type,
            "size": stored.size_bytes,
            "thumbnail": "",
            "mediaLabel": "",
        },
    }


def mime_type_of(text: str) -> str:
    """Return a MIME type without parameters, in lower case; "" if the text is none."""
    bare = text.partition(";")[0].strip().lower()
    return bare if _mime.fullmatch(bare) else ""


def words_with(message: CimMessage, ref: MediaRef | None) -> str:
    """Return the text beside the file: body text and caption, each once. A caption that is only the file's name, which
    desks add by themselves, is left out."""
    body = message.body
    attachment = mapping_in(body, "attachment")
    names = {_named_file(body), text_in(attachment, "mediaName"), text_in(attachment, "mediaLabel")}
    if ref is not None:
        names |= {ref.name, name_in(ref.url), ref.url}
    known = {form for name in names if name for form in _comparable(name)}
    parts: list[str] = []
    for part in (written_text(message).strip(), text_in(body, "caption") or text_in(attachment, "caption")):
        if part and part not in parts and known.isdisjoint(_comparable(part)):
            parts.append(part)
    return plain_text("\n".join(parts))


def name_in(url: str) -> str:
    """Return the file's name in its address: CIM's `filename` parameter, else the last part of the path."""
    return file_name_in(url) or _base_name(unquote(_split(url)[0]))


def file_name_in(url: str) -> str:
    """Return the `filename` parameter of a file engine's address; "" if it has none."""
    return next(iter(parse_qs(_split(url)[1]).get("filename", [])), "").strip()


def public_link(public_base: str, name: str) -> str:
    """Return the public address of a file in the file engine."""
    return f"{public_base.rstrip('/')}/api/downloadFileStream?filename={quote(name, safe='')}"


def _named_file(body: Fields) -> str:
    return text_in(mapping_in(body, "additionalDetails"), "fileName", "filename")


def _base_name(text: str) -> str:
    return one_line(re.split(r"[/\\]", text)[-1])


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path, parts.query


def _comparable(name: str) -> set[str]:
    # Compare with and without the number in front: it may also be the camera's, 20240115_123045.jpg.
    whole = one_line(unquote(name))
    return {re.sub(r"[^\w.]+", "_", form).casefold() for form in (whole, _tag.sub("", whole))}
