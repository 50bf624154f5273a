"""The reasons for which addresses are suppressed, and what a caller may choose of them.

Pure. Called by the account and by configuration sets, which hold the choice,
and by the suppression list, which acts on it.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SuppressionAttributes.html
"""

from collections.abc import Iterable
from enum import StrEnum


class Reason(StrEnum):
    """The value is what SES writes."""

    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"


Reasons = tuple[Reason, ...]
EVERY_REASON: Reasons = tuple(Reason)


def chosen(values: Iterable[str]) -> Reasons:
    """Return each reason once, in the order in which they were first given."""
    return tuple(dict.fromkeys(Reason(value) for value in values))
