"""How far the verification of a name has come, and when to look at it again.

Pure; the clock is an argument. The same life is led by an identity, its DKIM
and its MAIL FROM domain: searched for up to 72 hours, then found or failed,
and looked at daily from then on.
https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
"""

from enum import Enum
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import DAY, HOUR, SECOND, Millis

PENDING, SUCCESS, FAILED, NOT_STARTED = "Pending", "Success", "Failed", "NotStarted"
TEMPORARY_FAILURE = "TemporaryFailure"

SEARCHED_FOR: Millis = 72 * HOUR
_SOONEST, _LATEST, _DAILY = 10 * SECOND, HOUR, DAY
# One look without an answer says nothing about a domain; two days of them do.
_DOUBTED_AFTER: Millis = 2 * DAY


class Seen(Enum):
    """What one look at the DNS said."""

    FOUND = "found"
    MISSING = "missing"  # the servers answered, and what was asked for is not there
    UNANSWERED = "unanswered"  # nobody could tell


class Verdict(NamedTuple):
    """`error` is the ErrorType of AWS's VerificationInfo, empty when found."""

    seen: Seen
    error: str = ""


class Verification(msgspec.Struct, frozen=True):
    """`since` is when the search began: the first one, or the one after what was found was lost."""

    status: str = NOT_STARTED
    since: Millis = 0
    checked_at: Millis | None = None
    succeeded_at: Millis | None = None
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether it counts as verified; what was lost holds until the search for it is given up."""
        return self.status in (SUCCESS, TEMPORARY_FAILURE)

    @property
    def is_searched_for(self) -> bool:
        return self.status in (PENDING, TEMPORARY_FAILURE)


def started(now: Millis) -> Verification:
    return Verification(PENDING, now)


def succeeded(now: Millis) -> Verification:
    return Verification(SUCCESS, now, None, now)


def after(before: Verification, verdict: Verdict, now: Millis) -> Verification:
    """Return what becomes of a verification after one look."""
    status = _status_after(before, verdict, now)
    found = verdict.seen is Seen.FOUND
    return Verification(
        status=status,
        since=now if status == TEMPORARY_FAILURE and before.status == SUCCESS else before.since,
        checked_at=now,
        succeeded_at=now if found else before.succeeded_at,
        error=verdict.error,
    )


def _status_after(before: Verification, verdict: Verdict, now: Millis) -> str:
    match verdict.seen:
        case Seen.FOUND:
            return SUCCESS
        case Seen.MISSING if before.status == SUCCESS:
            return TEMPORARY_FAILURE
        case Seen.MISSING if now - before.since >= SEARCHED_FOR:
            return FAILED
        case Seen.UNANSWERED if before.status == SUCCESS and now - (before.succeeded_at or 0) >= _DOUBTED_AFTER:
            return TEMPORARY_FAILURE
    return before.status


def look_again_at(verification: Verification, now: Millis) -> Millis | None:
    """Return when to look the next time, or None when there is nothing to look for.

    A new search looks often, an older one less and less; what is verified is looked at daily.
    """
    if verification.is_searched_for:
        patience = min(max((now - verification.since) // 10, _SOONEST), _LATEST)
        return now + patience
    return now + _DAILY if verification.status == SUCCESS else None
