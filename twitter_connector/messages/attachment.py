"""The one file a CIM body may carry: where it is, what it is called, and what is said with it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

from twitter_connector.model.message import CimMessage, StoredFile
from twitter_connector.model.plan import MediaRef

from .body_fields import Body, mapping_of, number_of, text_of
from .kinds.text import written_text
from .markdown import plain_text
from .text import one_line

_mime = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+*-]*")
# The file engine puts a tag of the uploader before every name.
_tag = re.compile(r"^[0-9]+_+")


def attachment_of(body: Body) -> MediaRef | None:
    """Return the body's file; None where no address is given."""
    attachment = mapping_of(body, "attachment")
    url = text_of(attachment, "mediaUrl", "mediaURL", "url") or text_of(body, "mediaUrl", "mediaURL")
    if not url:
        return None
    size = number_of(attachment, "size")
    return MediaRef(
        url=url,
        name=_base_name(text_of(attachment, "mediaName") or _told_name(body)) or name_in(url),
        mime_type=mime_type_of(text_of(attachment, "mimeType")),
        size_bytes=int(size) if size is not None and size >= 1 else None,
    )


def stored_body(type_: str, stored: StoredFile) -> dict[str, object]:
    """Return the body of a file that lies in the file engine, in the form the agents' desk draws."""
    file = type_ == "FILE"
    return {
        "type": type_,
        "markdownText": "",
        "caption": "" if file else stored.name,
        # The desk reads a file's name here, and wants an object in any case.
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
    """Return a MIME type without parameters, in small letters; empty where this is none."""
    bare = text.partition(";")[0].strip().lower()
    return bare if _mime.fullmatch(bare) else ""


def words_with(message: CimMessage, ref: MediaRef | None) -> str:
    """Return what is to be said with the file: text and caption, each once, and neither where it is only the name
    of the file, which desks put there by themselves."""
    body = message.body
    attachment = mapping_of(body, "attachment")
    names = {_told_name(body), text_of(attachment, "mediaName"), text_of(attachment, "mediaLabel")}
    if ref is not None:
        names |= {ref.name, name_in(ref.url), ref.url}
    known = {form for name in names if name for form in _comparable(name)}
    parts: list[str] = []
    for part in (written_text(message).strip(), text_of(body, "caption") or text_of(attachment, "caption")):
        if part and part not in parts and known.isdisjoint(_comparable(part)):
            parts.append(part)
    return plain_text("\n".join(parts))


def name_in(url: str) -> str:
    """Return the file's name in its address: CIM's `filename` parameter, else the last part of the path."""
    return file_name_in(url) or _base_name(unquote(_split(url)[0]))


def file_name_in(url: str) -> str:
    """Return the `filename` parameter of a file engine's address; empty where there is none."""
    return next(iter(parse_qs(_split(url)[1]).get("filename", [])), "").strip()


def public_link(public_base: str, name: str) -> str:
    """Return the address under which a customer gets a file of the file engine."""
    return f"{public_base.rstrip('/')}/api/downloadFileStream?filename={quote(name, safe='')}"


def _told_name(body: Body) -> str:
    return text_of(mapping_of(body, "additionalDetails"), "fileName", "filename")


def _base_name(text: str) -> str:
    return one_line(re.split(r"[/\\]", text)[-1])


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path, parts.query


def _comparable(name: str) -> set[str]:
    # With and without what may be the tag: cameras begin names with a number of their own, 20240115_123045.jpg.
    whole = one_line(unquote(name))
    return {re.sub(r"[^\w.]+", "_", form).casefold() for form in (whole, _tag.sub("", whole))}
