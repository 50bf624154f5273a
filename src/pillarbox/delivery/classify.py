"""What a reply means: SES's bounce types and delay types for SMTP replies.

Pure. Called by delivery/close.py. Enhanced codes come first, the basic code
only where there is none.
https://www.rfc-editor.org/rfc/rfc3463
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
"""

import re
from typing import NamedTuple

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_BASIC = re.compile(r"\s*([245]\d\d)\b")


class BounceClass(NamedTuple):
    bounce_type: str
    bounce_subtype: str


_SUBTYPES = {
    (1, 1): "General",
    (1, 10): "General",
    (2, 2): "MailboxFull",
    (3, 4): "MessageTooLarge",
    (2, 3): "MessageTooLarge",
    (6, 1): "ContentRejected",
    (6, 3): "ContentRejected",
    (7, 1): "ContentRejected",
}
_DELAYS = {
    (2, 2): "MailboxFull",
    (4, 1): "TransientCommunicationFailure",
    (4, 2): "TransientCommunicationFailure",
    (4, 4): "TransientCommunicationFailure",
    (3, 2): "RecipientServerError",
    (4, 3): "RecipientServerError",
    (7, 1): "SpamDetected",
    (7, 25): "IPFailure",
    (7, 26): "IPFailure",
}
# A full mailbox or a size limit says nothing against the address, even when the reply is 5xx.
_NEVER_PERMANENT = frozenset({"MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected"})

# https://www.rfc-editor.org/rfc/rfc3463#section-3.7 Message content and media; security and policy.
_ABOUT_THE_MAIL = frozenset({6, 7})


def enhanced_status(reply: str | None) -> str | None:
    """Return the enhanced code in a reply (`5.1.1`), or the general one for its class."""
    if reply is None:
        return None
    if found := _ENHANCED.search(reply):
        return found[0]
    basic = _BASIC.match(reply)
    return f"{basic[1][0]}.0.0" if basic else None


def bounce_class(reply: str | None, subtype: str | None = None) -> BounceClass:
    """Return the type and subtype of a refusal; `subtype` is given when a rule of ours refused."""
    if subtype is not None:
        return BounceClass("Permanent", subtype)
    status = enhanced_status(reply)
    if status is None:
        return BounceClass("Undetermined", "Undetermined")
    named = _SUBTYPES.get(_detail(status), "General")
    lasting = status[0] == "5" and named not in _NEVER_PERMANENT
    return BounceClass("Permanent" if lasting else "Transient", named)


def blames_the_address(status: str | None) -> bool:
    """Return whether a lasting refusal is for the address: one for content or policy would meet any other there."""
    return status is None or _detail(status)[0] not in _ABOUT_THE_MAIL


def delay_type(reply: str | None, *, ours: bool) -> str:
    """Return SES's delayType for a deferral; `ours` when the fault lies with this server."""
    if ours:
        return "InternalFailure"
    status = enhanced_status(reply)
    if status is None:
        return "TransientCommunicationFailure"
    return _DELAYS.get(_detail(status), "General")


def _detail(status: str) -> tuple[int, int]:
    _, subject, detail = status.split(".")
    return int(subject), int(detail)
