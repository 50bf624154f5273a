"""The parts of a message that a person reads in it, as against those that must stay as they are.

Pure. For the transforms that change what a message says.
"""

from collections.abc import Collection, Iterator

from pillarbox.kit.headers import Head, read_parameters, value_of
from pillarbox.kit.mime import Part, walk

# Their parts are covered by a signature, cannot be read, or belong to another message.
_CLOSED = frozenset(("multipart/signed", "multipart/encrypted", "message/rfc822"))


def shown_parts(raw: bytes, content_types: Collection[str], head: Head | None = None) -> Iterator[Part]:
    """Yield the parts of these types that are shown in place; raise TooManyParts beyond the limits of walking.

    `head` is that of the message, from those who have found it already.
    """
    closed_until = 0
    for part in walk(raw, head):
        if part.start < closed_until:
            continue
        if part.content_type in _CLOSED:
            closed_until = part.end
        elif part.content_type in content_types and _is_inline(raw, part):
            yield part


def _is_inline(raw: bytes, part: Part) -> bool:
    """What is disposed of in a way that is not known is an attachment.

    https://www.rfc-editor.org/rfc/rfc2183#section-2.8
    """
    for field in part.fields:
        if field.name == "content-disposition":
            return read_parameters(value_of(raw, field))[0] in ("", "inline")
    return True
