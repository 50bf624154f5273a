"""Rates as SES reckons them, from totals by name.

Pure; None where nothing was sent that could count. Out of all rates stay mail
to the simulator and addresses on the account's own suppression list, and
captured mail unless it is asked for: it has not been near a recipient.
https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-bounce-rate.html
"""

from collections.abc import Mapping

from pillarbox.stats.fold import Name


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


def _attempted(totals: Mapping[str, int]) -> int:
    kept_back = (Name.CAPTURED, Name.BOUNCED_SUPPRESSED, Name.COMPLAINED_SUPPRESSED)
    return totals.get(Name.SENT, 0) - sum(totals.get(name, 0) for name in kept_back)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None
