"""What bounces and complaints mean, in plain words, and what to do about them.

Pure. Shown by the page of bounces; the types and subtypes are those of SES.
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
"""

from collections.abc import Mapping

import msgspec

from pillarbox.stats.names import BOUNCED, Name

_SIMULATED = "Mail to the mailbox simulator: a test, which counts in no rate."


class Explained(msgspec.Struct, frozen=True):
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
_COMPLAINTS: Mapping[str, tuple[str, str]] = {
    "abuse": _COMPLAINT,
    "unknown": _COMPLAINT,
    "auth-failure": (
        "A provider reports mail in your name that does not prove that it is yours.",
        "Look whether it came from you. If so, check that DKIM, SPF and DMARC of your domain pass; if not, somebody"
        " writes in your name: let your DMARC policy refuse it.",
    ),
    "fraud": (
        "A recipient reports the mail as fraud or phishing.",
        "Find out who sent it and whether their access is in the wrong hands; stop it until you know.",
    ),
    "virus": (
        "A provider found something harmful in the mail.",
        "Look at its attachments and links, and at the machine that it came from.",
    ),
    "not-spam": ("A recipient says that the mail is no spam, though their provider took it for it.", "Nothing."),
    "opt-out": (
        "A recipient wants no more of this mail, and told their provider in place of you.",
        "Take the address off your lists.",
    ),
}
_DELAYS: Mapping[str, tuple[str, str]] = {
    "InternalFailure": ("A fault of this server.", "Look into its log."),
    "General": ("The far side asks to try again later.", "Nothing, unless it lasts."),
    "MailboxFull": ("The mailbox is full.", "Nothing: it is tried again, and bounces if it stays full."),
    "SpamDetected": (
        "A rule of the far side against unwanted mail.",
        "If one provider stands out, lower the pace to it and look at what you sent.",
    ),
    "RecipientServerError": ("The far side has a fault of its own.", "Nothing: it is tried again."),
    "IPFailure": (
        "The far side refuses or slows down the address that mail leaves from.",
        "Look the address up in block lists, and warm it up slowly if it is new.",
    ),
    "TransientCommunicationFailure": (
        "The far side could not be reached, or the conversation broke off.",
        "Nothing for single ones. If it is every provider, look at your network and DNS.",
    ),
    "BYOIPHostNameLookupUnavailable": ("The name of the address could not be looked up.", "Check its PTR record."),
    "SendingDeferral": ("The far side has put off the mail.", "Nothing, unless it lasts."),
}
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
    (Name.COMPLAINED_SUPPRESSED, "Complaint: suppressed", _NO_REPEAT),
    (Name.REJECTED, "Reject", _REJECT),
    (Name.RENDERING_FAILED, "Rendering failure", _RENDERING),
)


def explain(totals: Mapping[str, int]) -> list[Explained]:
    """Return what went wrong with the most frequent first, tests last."""
    found = [_bounced(name, *one) for name, one in _details(totals, "bounced.") if one[1]]
    found += [_complained(name, *one) for name, one in _details(totals, "complained") if one[1]]
    for plain, what, (means, do) in _PLAIN:
        if count := totals.get(plain, 0):
            found.append(Explained(what, count, means, do))
    return sorted(found, key=lambda one: (one.is_test, -one.recipients, one.what))


def explain_delays(totals: Mapping[str, int]) -> list[Explained]:
    """Return what held mail up, with the most frequent first."""
    found = [
        Explained(f"Delay: {detail}", count, *_DELAYS.get(detail, _UNKNOWN))
        for _, (detail, count) in _details(totals, Name.DELAYED)
        if count
    ]
    return sorted(found, key=lambda one: (-one.recipients, one.what))


def _details(totals: Mapping[str, int], kind: str) -> list[tuple[str, tuple[str, int]]]:
    """Return what is counted in detail under names that begin so: the name, the detail and the count."""
    parted = [(*name.partition(":"), count) for name, count in totals.items() if name.startswith(kind)]
    return [(name, (detail, count)) for name, colon, detail, count in parted if colon]


def _bounced(name: str, detail: str, count: int) -> Explained:
    means, do = _BOUNCES.get(detail, _UNKNOWN)
    is_test = name == Name.BOUNCED_SIMULATOR
    return Explained(f"Bounce: {detail.replace('/', ', ')}", count, means, _SIMULATED if is_test else do, is_test)


def _complained(name: str, detail: str, count: int) -> Explained:
    means, do = _COMPLAINTS.get(detail, _UNKNOWN)
    is_test = name == Name.COMPLAINED_SIMULATOR
    what = "Complaint" if detail == "unknown" else f"Complaint: {detail}"
    return Explained(what, count, means, _SIMULATED if is_test else do, is_test)


def bounces_of(totals: Mapping[str, int]) -> int:
    """Return how many recipients bounced for any reason but a suppression list of the account's own."""
    return sum(totals.get(name, 0) for name in BOUNCED.values())
