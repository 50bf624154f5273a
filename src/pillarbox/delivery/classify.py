"""What a reply means: SES's bounce types and delay types for SMTP replies, and whether it asks for a slower pace.

Pure. Called by delivery/close.py and pacer.py. An enhanced code that says what
is the matter decides; where it says little, or there is none, the words of the
providers do (reply_words.py), and after them the class of the code.
https://www.rfc-editor.org/rfc/rfc3463
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
"""

import re
from typing import NamedTuple

from pillarbox.delivery.reply_words import Meaning, meaning_of_words

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_BASIC = re.compile(r"\s*([245]\d\d)\b")


class BounceClass(NamedTuple):
    bounce_type: str
    bounce_subtype: str


# https://www.iana.org/assignments/smtp-enhanced-status-codes/smtp-enhanced-status-codes.xhtml
_CODES = {
    (1, 1): Meaning.NO_SUCH_ADDRESS,
    (1, 2): Meaning.NO_SUCH_ADDRESS,
    (1, 3): Meaning.NO_SUCH_ADDRESS,
    (1, 6): Meaning.NO_SUCH_ADDRESS,
    (1, 7): Meaning.SENDER_NOT_TAKEN,
    (1, 8): Meaning.SENDER_NOT_TAKEN,
    (1, 10): Meaning.NO_SUCH_ADDRESS,
    (2, 2): Meaning.MAILBOX_FULL,
    (2, 3): Meaning.TOO_LARGE,
    (3, 1): Meaning.SERVER_TROUBLE,
    (3, 2): Meaning.SERVER_TROUBLE,
    (3, 4): Meaning.TOO_LARGE,
    (3, 5): Meaning.SERVER_TROUBLE,
    (4, 1): Meaning.UNREACHABLE,
    (4, 2): Meaning.UNREACHABLE,
    (4, 4): Meaning.UNREACHABLE,
    (4, 5): Meaning.TOO_FAST,
    (6, 1): Meaning.CONTENT,
    (6, 3): Meaning.CONTENT,
    (7, 20): Meaning.SENDER_NOT_TAKEN,
    (7, 21): Meaning.SENDER_NOT_TAKEN,
    (7, 22): Meaning.SENDER_NOT_TAKEN,
    (7, 23): Meaning.SENDER_NOT_TAKEN,
    (7, 24): Meaning.SENDER_NOT_TAKEN,
    (7, 25): Meaning.ADDRESS_BLOCKED,
    (7, 26): Meaning.SENDER_NOT_TAKEN,
    (7, 27): Meaning.SENDER_NOT_TAKEN,
    (7, 28): Meaning.TOO_FAST,
    (7, 29): Meaning.SENDER_NOT_TAKEN,
    (7, 30): Meaning.SENDER_NOT_TAKEN,
}
# Codes that are given for anything: the words say more.
_SAYS_LITTLE = frozenset(
    {(0, 0), (1, 0), (2, 0), (2, 1), (3, 0), (3, 2), (4, 0), (4, 1), (5, 0), (5, 3), (6, 0), (7, 0), (7, 1)}
)
_WHEN_WORDS_FAIL = {(7, 1): Meaning.CONTENT}
_SUBTYPES = {
    Meaning.MAILBOX_FULL: "MailboxFull",
    Meaning.TOO_LARGE: "MessageTooLarge",
    Meaning.CONTENT: "ContentRejected",
    Meaning.ATTACHMENT: "AttachmentRejected",
}
# These say nothing against the address, even when the reply is 5xx: other mail, or other senders, would be taken.
_NEVER_PERMANENT = frozenset(
    {*_SUBTYPES, Meaning.ADDRESS_BLOCKED, Meaning.TOO_FAST, Meaning.GREYLISTED, Meaning.SENDER_NOT_TAKEN}
)
_DELAYS = {
    Meaning.MAILBOX_FULL: "MailboxFull",
    Meaning.CONTENT: "SpamDetected",
    Meaning.TOO_FAST: "IPFailure",
    Meaning.ADDRESS_BLOCKED: "IPFailure",
    Meaning.SERVER_TROUBLE: "RecipientServerError",
    Meaning.UNREACHABLE: "TransientCommunicationFailure",
}

# https://www.rfc-editor.org/rfc/rfc3463#section-3.7 Message content and media; security and policy.
_ABOUT_THE_MAIL = frozenset({6, 7})
_ROUTING_LOOP = (4, 6)


def enhanced_status(reply: str | None) -> str | None:
    """Return the enhanced code in a reply (`5.1.1`), or the general one for its class."""
    if reply is None:
        return None
    if found := _ENHANCED.search(reply):
        return found[0]
    basic = _BASIC.match(reply)
    return f"{basic[1][0]}.0.0" if basic else None


def meaning_of(reply: str) -> Meaning:
    """Return what is the matter, in the words of no provider; OTHER when that cannot be told."""
    status = enhanced_status(reply)
    if status is None:
        return Meaning.OTHER
    detail = _detail(status)
    by_code = _CODES.get(detail, Meaning.OTHER)
    if by_code is not Meaning.OTHER and detail not in _SAYS_LITTLE:
        return by_code
    said = meaning_of_words(reply)
    if said is not Meaning.OTHER:
        return said
    return _WHEN_WORDS_FAIL.get(detail, by_code)


def bounce_class(reply: str | None, subtype: str | None = None) -> BounceClass:
    """Return the type and subtype of a refusal; `subtype` is given when a rule of ours refused."""
    if subtype is not None:
        return BounceClass("Permanent", subtype)
    status = enhanced_status(reply)
    if reply is None or status is None:
        return BounceClass("Undetermined", "Undetermined")
    meaning = meaning_of(reply)
    lasting = status[0] == "5" and meaning not in _NEVER_PERMANENT
    return BounceClass("Permanent" if lasting else "Transient", _SUBTYPES.get(meaning, "General"))


def blames_the_address(status: str | None) -> bool:
    """Return whether a lasting refusal is for the address: one for content or policy would meet any other there.

    Nor does an address make mail go round in circles.
    """
    return status is None or (_detail(status)[0] not in _ABOUT_THE_MAIL and _detail(status) != _ROUTING_LOOP)


def delay_type(reply: str | None, *, ours: bool) -> str:
    """Return SES's delayType for a deferral; `ours` when the fault lies with this server."""
    if ours:
        return "InternalFailure"
    if reply is None or enhanced_status(reply) is None:
        return "TransientCommunicationFailure"
    return _DELAYS.get(meaning_of(reply), "General")


def asks_for_less(reply: str | None) -> bool:
    """Whether a deferral is for the pace: the provider wants fewer messages or connections from us for a while."""
    if reply is None or not (basic := _BASIC.match(reply)) or basic[1][0] != "4":
        return False
    meaning = meaning_of(reply)
    if meaning in (Meaning.GREYLISTED, Meaning.MAILBOX_FULL, Meaning.SENDER_NOT_TAKEN, Meaning.NO_SUCH_ADDRESS):
        return False  # that is about one recipient, or about what more patience does not mend
    # https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3 421: the service closes the channel.
    return meaning is Meaning.TOO_FAST or basic[1] == "421" or (enhanced_status(reply) or "").startswith("4.7.")


def _detail(status: str) -> tuple[int, int]:
    _, subject, detail = status.split(".")
    return int(subject), int(detail)
