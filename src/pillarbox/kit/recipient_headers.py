"""The headers that name who receives a message, reduced to one recipient.

Pure. Used where a send is split (sending/split.py) and where its parts leave
(delivery/transform/recipient_headers.py), so that both mean the same headers.
"""

from collections.abc import Sequence

from pillarbox.kit.headers import splice, split, write_field

# https://www.rfc-editor.org/rfc/rfc5322#section-3.6.3 and, for those of a message sent once more, section 3.6.6
NAMES = frozenset(("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "apparently-to"))


def naming_only(raw: bytes, written: str | None) -> bytes:
    """Return the message with a To for `written`, a mailbox, and no other header that says who receives it.

    It takes the place of the first such header, or stands before all others. None names nobody.
    """
    there = [field for field in split(raw).fields if field.name in NAMES]
    line = write_field("To", written).encode("utf-8") if written is not None else b""
    if not there:
        return line + raw
    edits = [(field.start, field.end, b"") for field in there]
    edits[0] = (there[0].start, there[0].end, line)
    return splice(raw, edits)


def headers_naming_only(headers: Sequence[tuple[str, str]], written: str) -> list[tuple[str, str]]:
    """Do the same with headers that are read already."""
    kept: list[tuple[str, str]] = []
    place = None
    for name, value in headers:
        if name.lower() not in NAMES:
            kept.append((name, value))
        elif place is None:
            place = len(kept)
    kept.insert(place or 0, ("To", written))
    return kept
