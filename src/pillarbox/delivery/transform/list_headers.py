"""How the recipient of a message leaves its list: the headers for mail programs, the link for people.

Pure. Called through the list in pipeline.py, for mail to one contact of a list,
after links have been rewritten (nobody's way out is tracked) and before the
message is signed, so that the signature covers the headers.
https://www.rfc-editor.org/rfc/rfc8058
"""

import re

from pillarbox.delivery.transform.shown_parts import shown_parts
from pillarbox.kit.headers import splice, split
from pillarbox.kit.mime import Part, TooManyParts, base64_lines, decoded, has_long_line, quoted_printable_text

PLACEHOLDER = b"{{amazonSESUnsubscribeUrl}}"
# https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html
_MOST_REPLACED = 2
_OURS = frozenset(("list-unsubscribe", "list-unsubscribe-post"))
_PLAIN = frozenset(("7bit", "8bit", "binary"))
_PIECE = 70
# The placeholder as quoted-printable may write it: any character encoded, and line ends between any two.
_QUOTED = re.compile(
    rb"(?:=[ \t]*\r\n)*".join(
        b"(?:" + re.escape(bytes((letter,))) + f"|=(?i:{letter:02X}))".encode() for letter in PLACEHOLDER
    )
)

Edit = tuple[int, int, bytes]


def with_list_headers(raw: bytes, url: str) -> bytes:
    """Return the message with List-Unsubscribe headers and its placeholders replaced by `url`.

    A message that its sender has signed stays as it is.
    """
    head = split(raw)
    if any(field.name == "dkim-signature" for field in head.fields):
        return raw
    lines = f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode("ascii")
    edits = [(field.start, field.end, b"") for field in head.fields if field.name in _OURS]
    return splice(raw, sorted([(0, 0, lines), *edits, *_links(raw, url.encode("ascii"))]))


def _links(raw: bytes, url: bytes) -> list[Edit]:
    """Return the edits that put the link at its first places."""
    try:
        parts = list(shown_parts(raw, ("text/plain", "text/html")))
    except TooManyParts:  # nobody shows all of such a message either
        return []
    left = _MOST_REPLACED
    edits: list[Edit] = []
    for part in parts:
        if not raw.endswith(b"\r\n\r\n", 0, part.start):  # the link could be taken for more of the part's header
            continue
        changed, count = _replaced(raw, part, url, left)
        left -= count
        if count and part.encoding in _PLAIN and part.fields and has_long_line(changed):
            edits += [_requoted(part), (part.start, part.end, quoted_printable_text(changed)[:-2])]
        elif count:
            edits.append((part.start, part.end, changed))
    return edits


def _replaced(raw: bytes, part: Part, url: bytes, most: int) -> tuple[bytes, int]:
    """Return the encoded content of a part with the link at no more than `most` places, and at how many."""
    body = raw[part.start : part.end]
    if part.encoding == "quoted-printable":
        return _QUOTED.subn(lambda _: _quoted(url), body, count=most) if most else (body, 0)
    content = decoded(raw, part) if part.encoding == "base64" else body
    count = min(content.count(PLACEHOLDER), most)
    changed = content.replace(PLACEHOLDER, url, count)
    if count and part.encoding == "base64":
        changed = base64_lines(changed).removesuffix(b"" if body.endswith(b"\n") else b"\r\n")
    return changed, count


def _quoted(url: bytes) -> bytes:
    """Return the link on lines of its own, which no reader sees: whatever stands beside it, no line is too long."""
    escaped = url.replace(b"=", b"=3D")
    pieces, at = [b""], 0
    while at < len(escaped):
        end = at + _PIECE
        end -= next((back for back in (1, 2) if escaped[end - back : end - back + 1] == b"="), 0)
        pieces.append(escaped[at:end])
        at = end
    return b"=\r\n".join([*pieces, b""])


def _requoted(part: Part) -> Edit:
    """Return the edit by which a part says that it is quoted-printable, since a line has become too long."""
    line = b"Content-Transfer-Encoding: quoted-printable\r\n"
    for field in part.fields:
        if field.name == "content-transfer-encoding":
            return field.start, field.end, line
    end = part.fields[-1].end
    return end, end, line
