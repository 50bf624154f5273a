"""What a mail to the return path turns out to say.

Pure values, made by read.py and judged by delivery/feedback.py. Nothing here
is to be believed for its own sake: who may report on which message is decided
by the signature in the address that the mail came to.
"""

from dataclasses import dataclass

from pillarbox.kit.clock import Millis


@dataclass(frozen=True, slots=True)
class Fate:
    """What a report says of one recipient.

    `action` is one of RFC 3464 (failed, delayed, delivered, relayed, expanded);
    `addresses` are all names that the report gives the recipient, none where it
    names nobody; `reply` is what the far side answered, with its code first.
    """

    action: str
    addresses: tuple[str, ...] = ()
    status: str | None = None
    reply: str | None = None
    retried_until: Millis | None = None


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A mail server tells what became of a message. `reporting_mta` is as it calls itself."""

    fates: tuple[Fate, ...]
    reporting_mta: str | None = None


@dataclass(frozen=True, slots=True)
class ComplaintReport:
    """A recipient called the message unwanted. `feedback_type` is one of SES's, if one was told."""

    feedback_type: str | None = None
    user_agent: str | None = None
    arrived_at: Millis | None = None
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AutomaticReply:
    """A program answered for the recipient, who has got the message."""


@dataclass(frozen=True, slots=True)
class NoReport:
    """Mail of another kind."""


Report = DeliveryReport | ComplaintReport | AutomaticReply | NoReport


@dataclass(frozen=True, slots=True)
class Reading:
    """A report, the times that it tells (the best first), and the envelope senders that it gives the message.

    A time that could not be read is not among `times`.
    """

    report: Report
    times: tuple[Millis, ...]
    return_paths: tuple[str, ...]
    subject: str
