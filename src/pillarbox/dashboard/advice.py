"""What bounces and complaints mean, in plain words, and what to do about them.

Pure. Shown by the page of bounces; the types and subtypes are those of SES.
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
"""

from collections.abc import Mapping
from typing import NamedTuple

from pillarbox.stats.names import BOUNCED, Name

_SIMULATED = "Mail to the mailbox simulator: a test, which counts in no rate."


class Explained(NamedTuple):
    """One reason, how often it came up, what it means and what to do."""

    what: str
    recipients: int
    means: str
    do: str
    is_test: bool = False


_LISTED = "Nothing to do for delivery. Take the address off your own lists too, and ask its owner by another way."
_BOUNCES: Mapping[str, tuple[str, str]] = {
    "Permanent/General": (
        "The address does not exist, or its server takes no mail for it.",
        "Remove the address from your lists. It is on the suppression list now, so that it gets no more mail. Where"
        " many of these come from one list, find out how its addresses were collected, and confirm each by mail.",
    ),
    "Permanent/NoEmail": (
        "The bounce said that there is no such mailbox.",
        "Remove the address from your lists, and look for typing errors in the form where it was given.",
    ),
    "Permanent/Suppressed": (
        "The address is on the list of addresses that bounced for everybody who sends through this service.",
        "Remove the address, or ask its owner for another one.",
    ),
    "Permanent/OnAccountSuppressionList": (
        "Not sent: the address has bounced or complained before and is on your suppression list.",
        "If it works again, delete it from the suppression list; else remove it from your lists.",
    ),
    "Permanent/OnTenantSuppressionList": (
        "Not sent: the address is on the suppression list of the tenant.",
        "If it works again, delete it from that list; else remove it from the customer's lists.",
    ),
    "Permanent/UnsubscribedRecipient": ("Not sent: the recipient has unsubscribed from this mail.", _LISTED),
    "Permanent/EmailValidationSuppressed": ("Not sent: the address was judged not to exist.", _LISTED),
    "Transient/General": (
        "The mail could not be delivered in time: the server was away, refused for now, or answered automatically.",
        "Nothing for single ones. If one provider stands out, look at the queue and lower the pace to it.",
    ),
    "Transient/MailboxFull": (
        "The mailbox is full.",
        "Try again in some days; an address that stays full for weeks is abandoned, and should be removed.",
    ),
    "Transient/MessageTooLarge": (
        "The message is larger than the far side takes.",
        "Send links in place of attachments, and smaller pictures.",
    ),
    "Transient/ContentRejected": (
        "The far side does not accept this content: often it looks like spam.",
        "Check that DKIM, SPF and DMARC of your domain pass, and look at the links and words of the message.",
    ),
    "Transient/AttachmentRejected": (
        "The far side does not accept an attachment of this kind.",
        "Send it as a link, or in another format.",
    ),
    "Transient/CustomTimeoutExceeded": (
        "The time that the configuration set gives its mail was over.",
        "Allow more time in the configuration set, or find out in the queue what held the mail back.",
    ),
}
_UNKNOWN = (
    "The far side did not say why in words that could be understood.",
    "Read its own words on the page of one of the messages.",
)
_COMPLAINT = (
    "A recipient called the mail spam, and their provider told us.",
    "The address is on the suppression list now. Send only to people who asked for it, make unsubscribing easier than"
    " complaining (a List-Unsubscribe header), and look at what you sent them last.",
)
_NO_REPEAT = ("Not sent: the recipient has complained before.", _LISTED)
_REJECT = (
    "The message carries something that is never delivered, such as a virus.",
    "Open the message and remove the attachment; check the machine that it came from.",
)
_RENDERING = (
    "A template could not be filled with the data that was given.",
    "Open the message: it names the value that is missing. Give it, or a default for it in the template.",
)
_PLAIN: tuple[tuple[Name, str, tuple[str, str]], ...] = (
    (Name.COMPLAINED, "Complaint", _COMPLAINT),
    (Name.COMPLAINED_SUPPRESSED, "Complaint: suppressed", _NO_REPEAT),
    (Name.REJECTED, "Reject", _REJECT),
    (Name.RENDERING_FAILED, "Rendering failure", _RENDERING),
)


def explain(totals: Mapping[str, int]) -> list[Explained]:
    """Return what went wrong with the most frequent first, tests last."""
    found = []
    for name, count in totals.items():
        kept_under, colon, detail = name.partition(":")
        if not colon or not count:
            continue
        is_test = kept_under == Name.BOUNCED_SIMULATOR
        means, do = _BOUNCES.get(detail, _UNKNOWN)
        what = f"Bounce: {detail.replace('/', ', ')}"
        found.append(Explained(what, count, means, _SIMULATED if is_test else do, is_test))
    for plain, what, (means, do) in _PLAIN:
        if count := totals.get(plain, 0):
            found.append(Explained(what, count, means, do))
    if count := totals.get(Name.COMPLAINED_SIMULATOR, 0):
        found.append(Explained("Complaint", count, _COMPLAINT[0], _SIMULATED, is_test=True))
    return sorted(found, key=lambda one: (one.is_test, -one.recipients, one.what))


def bounces_of(totals: Mapping[str, int]) -> int:
    """Return how many recipients bounced for any reason but a suppression list of the account's own."""
    return sum(totals.get(name, 0) for name in BOUNCED.values())
