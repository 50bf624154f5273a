"""One event, told in one sentence that a person can act on.

Pure. Used by operate/history.py and operate/tail.py, so that the command line
and the pages say the same words for the same fact.
"""

from collections.abc import Mapping, Sequence

import msgspec

from pillarbox.events.types import (
    ON_ACCOUNT_LIST,
    ON_GLOBAL_LIST,
    ON_TENANT_LIST,
    UNSUBSCRIBED,
    Bounce,
    BouncedRecipient,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Event,
    Open,
    Reject,
    RenderingFailure,
    Send,
    Subscription,
)
from pillarbox.kit.clock import HOUR, MINUTE, SECOND, Millis

_MOST_NAMED = 3


class Story(msgspec.Struct, frozen=True, omit_defaults=True):
    """`sentence` is ours; `said` is what the far side answered, word for word, if it spoke."""

    sentence: str
    said: str | None = None


_BOUNCES: Mapping[tuple[str, str], str] = {
    # https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
    ("Permanent", "General"): "{who} bounced for good: the address does not exist or takes no mail",
    ("Permanent", "NoEmail"): "{who} bounced for good: no such address could be found",
    (
        "Permanent",
        ON_GLOBAL_LIST,
    ): "Not sent to {who}: the global suppression list holds the address as one that bounces",
    ("Permanent", ON_ACCOUNT_LIST): "Not sent to {who}: the account's suppression list holds the address for a bounce",
    ("Permanent", ON_TENANT_LIST): "Not sent to {who}: the tenant's suppression list holds the address for a bounce",
    ("Permanent", UNSUBSCRIBED): "Not sent to {who}: they have unsubscribed from this mail",
    ("Transient", "General"): "Gave up on {who}: the mail could not be delivered in time",
    ("Transient", "MailboxFull"): "{who} bounced: the mailbox is full",
    ("Transient", "MessageTooLarge"): "{who} bounced: the message is too large for the far side",
    ("Transient", "ContentRejected"): "{who} bounced: the far side does not accept this content",
    ("Transient", "AttachmentRejected"): "{who} bounced: the far side does not accept an attachment",
    ("Undetermined", "Undetermined"): "{who} bounced, and the far side did not say why in words that we understand",
}
_DELAYS: Mapping[str, str] = {
    "InternalFailure": "a fault of this server",
    "General": "the far side asks to try again later",
    "MailboxFull": "the mailbox is full",
    "SpamDetected": "a rule of the far side against unwanted mail",
    "RecipientServerError": "the far side has a fault of its own",
    "IPFailure": "the far side refuses or slows down the address that we send from",
    "TransientCommunicationFailure": "the far side could not be reached, or the conversation broke off",
    "SendingDeferral": "the far side has put off the mail",
}


def tell(event: Event) -> Story:
    """Return the event in words."""
    match event.fact:
        case Send():
            return Story("Accepted: the message is on disk and will be delivered")
        case Reject(reason):
            return Story(f"Delivered to nobody, for what the message carries: {reason}")
        case Delivery() as fact:
            return _delivery(fact)
        case Bounce() as fact:
            return _bounce(fact)
        case Complaint() as fact:
            return _complaint(fact)
        case DeliveryDelay() as fact:
            return _delay(fact, event.happened_at)
        case RenderingFailure(name, error):
            return Story(f"Delivered to nobody: the template {name} could not be filled", error)
        case Open() as fact:
            return Story(f"Opened{_by(fact)} from {fact.ip_address}{_automated(fact)}", fact.user_agent)
        case Click() as fact:
            followed = f"The link {fact.link} was followed{_by(fact)} from {fact.ip_address}"
            return Story(f"{followed}{_automated(fact)}", fact.user_agent)
        case Subscription() as fact:
            return _subscription(fact)


def join(addresses: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and 3 more`."""
    named = list(addresses[:_MOST_NAMED])
    if more := len(addresses) - len(named):
        return f"{', '.join(named)} and {more} more"
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1]))) if named else "nobody"


def span(milliseconds: Millis) -> str:
    """Return a length of time as people say it: `40 ms`, `3 min`, `2 h 5 min`."""
    if milliseconds < SECOND:
        return f"{milliseconds} ms"
    if milliseconds < MINUTE:
        seconds = milliseconds / SECOND
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    hours, rest = divmod(milliseconds, HOUR)
    minutes = rest // MINUTE
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _delivery(fact: Delivery) -> Story:
    who = join(fact.recipients)
    if fact.transport == "capture":
        return Story(f"Captured for {who}: kept here to be looked at, not sent", fact.smtp_response)
    if fact.transport == "simulator":
        return Story(f"The mailbox simulator took the mail for {who}", fact.smtp_response)
    by = f" by {fact.remote_mta_ip}" if fact.remote_mta_ip else ""
    return Story(f"Taken{by} for {who}, {span(fact.processing_ms)} after it was accepted", fact.smtp_response)


def _bounce(fact: Bounce) -> Story:
    kind = (fact.bounce_type, fact.bounce_subtype)
    usual = f"{{who}} bounced ({fact.bounce_type}, {fact.bounce_subtype})"
    who = join([recipient.address for recipient in fact.recipients])
    return Story(_BOUNCES.get(kind, usual).format(who=who), _said(fact.recipients))


def _complaint(fact: Complaint) -> Story:
    who = join(fact.recipients)
    if fact.subtype in (ON_ACCOUNT_LIST, ON_TENANT_LIST):
        owner = "account" if fact.subtype == ON_ACCOUNT_LIST else "tenant"
        return Story(f"Not sent to {who}: the {owner}'s suppression list holds the address for a complaint")
    kind = f" ({fact.feedback_type})" if fact.feedback_type else ""
    return Story(f"{who} called the mail unwanted{kind}")


def _delay(fact: DeliveryDelay, now: Millis) -> Story:
    who = join([recipient.address for recipient in fact.recipients])
    why = _DELAYS.get(fact.delay_type, fact.delay_type)
    left = max(0, fact.expires_at - now)
    return Story(f"Not yet delivered to {who}: {why}; tried again for {span(left)} at most", _said(fact.recipients))


def _by(fact: Open | Click) -> str:
    return f" by {fact.recipient}" if fact.recipient else ""


def _automated(fact: Open | Click) -> str:
    return (
        f", likely by a program ({fact.automated or 'as the service that sent it says'})" if fact.is_bot_event else ""
    )


def _subscription(fact: Subscription) -> Story:
    if fact.new_preferences.unsubscribe_all:
        return Story(f"The recipient left the contact list {fact.contact_list}")
    return Story(f"The recipient changed what they want from the contact list {fact.contact_list}")


def _said(recipients: Sequence[BouncedRecipient]) -> str | None:
    replies = dict.fromkeys(one.diagnostic_code for one in recipients if one.diagnostic_code)
    return " | ".join(reply.removeprefix("smtp; ") for reply in replies) or None
