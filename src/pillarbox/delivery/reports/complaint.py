"""Complaints: the Abuse Reporting Format, and the forms that are older than it.

Pure. Called by read.py.
https://www.rfc-editor.org/rfc/rfc5965
"""

import re

from pillarbox.delivery.reports.notice import Notice, addresses_in, all_of, first, read_fields, read_time
from pillarbox.delivery.reports.report import ComplaintReport
from pillarbox.kit.clock import Millis

# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#complaint-object
_TYPES = frozenset({"abuse", "auth-failure", "fraud", "not-spam", "other", "virus"})
# Microsoft's junk mail reports are the message itself, attached to a mail with this subject.
_ABOUT_A_MESSAGE = re.compile(r"complaint about message from\b", re.I)
_ORIGINAL_RECIPIENT = ("x-hmxmroriginalrecipient", "x-original-to")
_LONGEST_AGENT = 200


def read_complaint(notice: Notice) -> ComplaintReport | None:
    """Return the complaint, or None when the notice is none."""
    if notice.feedback is not None:
        return _arf(notice, notice.feedback)
    if notice.returned and _ABOUT_A_MESSAGE.search(notice.first("subject")):
        return ComplaintReport("abuse", None, None, _recipients_in_returned(notice))
    return None


def times_told(notice: Notice) -> list[Millis]:
    """Return when the complaint came to the provider, if it says so."""
    at = _arrived_at(notice.feedback or b"")
    return [] if at is None else [at]


def return_paths(notice: Notice) -> tuple[str, ...]:
    """Return the envelope senders that the report gives the message, as addresses."""
    told = [first(read_fields(notice.feedback or b""), "original-mail-from")]
    told += [value for name in ("return-path", "x-original-return-path") for value in all_of(notice.returned, name)]
    return tuple(dict.fromkeys(address for text in told for address in addresses_in(text)))


def _arf(notice: Notice, feedback: bytes) -> ComplaintReport:
    fields = read_fields(feedback)
    kind = first(fields, "feedback-type").strip().lower()
    told = [address for value in all_of(fields, "original-rcpt-to") for address in addresses_in(value)]
    told += [address for value in all_of(fields, "removal-recipient") for address in addresses_in(value)]
    return ComplaintReport(
        feedback_type=(kind if kind in _TYPES else "other") if kind else None,
        user_agent=first(fields, "user-agent")[:_LONGEST_AGENT] or None,
        arrived_at=_arrived_at(feedback),
        addresses=tuple(dict.fromkeys(told)) or _recipients_in_returned(notice),
    )


def _arrived_at(feedback: bytes) -> Millis | None:
    fields = read_fields(feedback)
    # Yahoo and others still say Received-Date, as drafts of the format did.
    return read_time(first(fields, "arrival-date") or first(fields, "received-date"))


def _recipients_in_returned(notice: Notice) -> tuple[str, ...]:
    """Return whom the returned message was for: To may name many, so that it counts only where nothing else does."""
    for names in (_ORIGINAL_RECIPIENT, ("to",)):
        told = [value for name in names for value in all_of(notice.returned, name)]
        if found := [address for text in told for address in addresses_in(text)]:
            return tuple(dict.fromkeys(found))
    return ()
