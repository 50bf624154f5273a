"""Whether a message that is made after its promise is certain to be one that could be promised.

Pure. What only its making could tell against it is known before, or it is made
at once. Called for the messages of a bulk call and for single ones of a burst.
"""

from collections.abc import Sequence

from pillarbox.kit.headers import check_text
from pillarbox.sending.compose import custom_headers
from pillarbox.sending.draft import Draft
from pillarbox.sending.policy import MOST_RECIPIENTS

# No text in UTF-8 becomes longer than so many times itself by line ends and transfer encoding.
_ENCODED = 4
# Head and frame of a message whose fields are within the limit below.
_LONGEST_HEAD = 1024 * 1024
_LONGEST_FIELDS = 64 * 1024
# A word of a header may have 998 characters with what stands before it on the line (kit/headers.py).
_LONGEST_FIELD = 900


def leaves_room(draft: Draft, length: int) -> bool:
    """Say whether text of that length fits into the message beside all that is not addressed to its recipients."""
    addresses = sum(map(len, (draft.sender or "", *draft.reply_to)))
    return addresses <= _LONGEST_FIELDS and draft.size_limit >= _ENCODED * length + _LONGEST_HEAD


def fits(draft: Draft, headers: Sequence[tuple[str, str]]) -> bool:
    """Say whether its recipients and headers of its own do, or raise what stands against a header."""
    addresses = (*draft.to, *draft.cc, *draft.bcc)
    if len(addresses) > MOST_RECIPIENTS or max(map(len, addresses), default=0) > _LONGEST_FIELD:
        return False
    if headers:
        if any(name.lower() == "sender" for name, _ in headers):
            return False  # who must be verified too
        lengths = [len(name) + len(value) for name, value in custom_headers(headers)]
        return max(lengths) <= _LONGEST_FIELD and sum(lengths) <= _LONGEST_FIELDS
    return True


def is_field(text: str) -> bool:
    """Say whether a subject is certain to fit, or raise InvalidText for what no header may have."""
    check_text(text, "Subject")
    return len(text) <= _LONGEST_FIELD
