"""Rates as SES reckons them, from totals by name.

Pure; None where nothing was sent that could count. Out of all rates stay mail
to the simulator and addresses on the account's own suppression list, and
captured mail unless it is asked for: it has not been near a recipient.
https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-bounce-rate.html
"""

from collections.abc import Mapping

import msgspec

from pillarbox.stats.names import Name

# From where on SES reviews an account, and from where on it may pause it.
# https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html
BOUNCE_REVIEW, BOUNCE_PAUSE = 0.05, 0.10
COMPLAINT_REVIEW, COMPLAINT_PAUSE = 0.001, 0.005


class Rates(msgspec.Struct, frozen=True):
    """Shares from 0 to 1; None where nothing was sent that could count."""

    delivery: float | None
    bounce: float | None
    complaint: float | None
    open: float | None
    click: float | None


def rates_of(totals: Mapping[str, int], *, with_captured: bool = False) -> Rates:
    """Return all rates; on request with mail that was captured."""
    return Rates(
        delivery_rate(totals, with_captured=with_captured),
        bounce_rate(totals),
        complaint_rate(totals),
        open_rate(totals, with_captured=with_captured),
        click_rate(totals, with_captured=with_captured),
    )


def bounce_rate(totals: Mapping[str, int]) -> float | None:
    """Return the share of recipients that bounced for good."""
    return _share(totals.get(Name.BOUNCED_PERMANENT, 0), _attempted(totals))


def complaint_rate(totals: Mapping[str, int]) -> float | None:
    """Return the share of recipients that complained; of all mail, as it is not known who reports complaints."""
    return _share(totals.get(Name.COMPLAINED, 0), _attempted(totals))


def delivery_rate(totals: Mapping[str, int], *, with_captured: bool = False) -> float | None:
    """Return the share of recipients whose next hop took the mail, on request with mail that was captured."""
    captured = totals.get(Name.CAPTURED, 0) if with_captured else 0
    return _share(totals.get(Name.DELIVERED, 0) + captured, _attempted(totals) + captured)


def open_rate(totals: Mapping[str, int], *, with_captured: bool = False) -> float | None:
    """Return the share of recipients who opened, as far as people seem to have done it, of mail with a pixel."""
    captured = totals.get(Name.CAPTURED_WITH_PIXEL, 0) if with_captured else 0
    return _share(totals.get(Name.OPENED_PEOPLE_UNIQUE, 0), totals.get(Name.DELIVERED_WITH_PIXEL, 0) + captured)


def click_rate(totals: Mapping[str, int], *, with_captured: bool = False) -> float | None:
    """Return the share of recipients who clicked, as far as people seem to have done it, of mail with tracked links."""
    captured = totals.get(Name.CAPTURED_WITH_LINKS, 0) if with_captured else 0
    return _share(totals.get(Name.CLICKED_PEOPLE_UNIQUE, 0), totals.get(Name.DELIVERED_WITH_LINKS, 0) + captured)


def reaches(rate: float | None, line: float) -> bool:
    """Say whether a rate is at a danger line or beyond it."""
    return rate is not None and rate >= line


def _attempted(totals: Mapping[str, int]) -> int:
    kept_back = (Name.CAPTURED, Name.BOUNCED_SUPPRESSED, Name.COMPLAINED_SUPPRESSED)
    return totals.get(Name.SENT, 0) - sum(totals.get(name, 0) for name in kept_back)


def _share(part: int, whole: int) -> float | None:
    # What was sent before a span may arrive in it, so that more seems to arrive than was sent.
    return min(part / whole, 1.0) if whole > 0 else None
