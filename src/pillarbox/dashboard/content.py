"""What a message says, for showing: its headers, text, HTML and attachments.

Pure. Called by the pages in a thread, because a message can be large. HTML
comes out as the sender wrote it: it is shown in a sandbox and nowhere else.
"""

import base64
import re
from collections.abc import Mapping

import msgspec

from pillarbox.kit.headers import codec_for, decode_text, name_of, split, value_of
from pillarbox.kit.mime import Part, TooManyParts, decoded, file_name, walk

_LONGEST_TEXT = 512 * 1024
_LONGEST_HTML = 4 * 1024 * 1024
_LARGEST_IMAGE = 2 * 1024 * 1024
_MOST_PUT_IN = 16 * 1024 * 1024
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# Where HTML refers to another part of its message (RFC 2392).
_CID = re.compile(r"cid:([^\"'\s)>]{1,200})", re.IGNORECASE)


class Attachment(msgspec.Struct, frozen=True):
    name: str
    content_type: str
    size: int


class Content(msgspec.Struct, frozen=True):
    """`problem` says why not all is shown, if so."""

    headers: list[tuple[str, str]]
    text: str | None
    html: str | None
    attachments: list[Attachment]
    problem: str | None = None


def read_content(raw: bytes) -> Content:
    """Return what a message says; what cannot be read is left out and told in `problem`."""
    headers = [(name_of(raw, field), decode_text(value_of(raw, field))) for field in split(raw).fields]
    parts: list[Part] = []
    problem = None
    try:
        parts.extend(part for part in walk(raw) if not part.has_parts)
    except TooManyParts as error:
        problem = str(error)
    text = next((part for part in parts if part.content_type == "text/plain" and not _is_attached(raw, part)), None)
    html = next((part for part in parts if part.content_type == "text/html" and not _is_attached(raw, part)), None)
    return Content(
        headers=headers,
        text=_text(raw, text, _LONGEST_TEXT) if text else None,
        html=_with_images(_text(raw, html, _LONGEST_HTML), _images(raw, parts)) if html else None,
        attachments=[_attachment(raw, part) for part in parts if part is not text and part is not html],
        problem=problem,
    )


def _is_attached(raw: bytes, part: Part) -> bool:
    for field in part.fields:
        if field.name == "content-disposition":
            return value_of(raw, field).lower().startswith("attachment")
    return False


def _text(raw: bytes, part: Part, longest: int) -> str:
    codec = codec_for(part.parameters.get("charset", "utf-8")) or "utf-8"
    text = decoded(raw, part)[:longest].decode(codec, "replace")
    return text.replace("\r\n", "\n")


def _attachment(raw: bytes, part: Part) -> Attachment:
    return Attachment(file_name(raw, part) or "without a name", part.content_type, len(decoded(raw, part)))


def _images(raw: bytes, parts: list[Part]) -> Mapping[str, str]:
    """Return the images within a message as data: URLs, by Content-ID."""
    found = {}
    for part in parts:
        if part.content_type in _IMAGES and (content_id := _content_id(raw, part)):
            image = decoded(raw, part)
            if len(image) <= _LARGEST_IMAGE:
                found[content_id] = f"data:{part.content_type};base64,{base64.b64encode(image).decode()}"
    return found


def _content_id(raw: bytes, part: Part) -> str | None:
    return next((value_of(raw, field).strip("<>") for field in part.fields if field.name == "content-id"), None)


def _with_images(html: str, images: Mapping[str, str]) -> str:
    # The document may not load anything (see the policy of the HTML page), so what it came with is put in.
    room = _MOST_PUT_IN

    def put_in(found: re.Match[str]) -> str:
        nonlocal room
        image = images.get(found[1])
        if image is None or len(image) > room:  # small HTML can refer to a large image very often
            return found[0]
        room -= len(image)
        return image

    return _CID.sub(put_in, html) if images else html
