"""What the counters say: the one reading for pages, commands and the API.

Plans that only read the store. Whoever sees several accounts gets their sums.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.stats.follow import QUARTER
from pillarbox.stats.names import (
    ACCOUNT,
    CONFIGURATION_SET,
    DOMAIN,
    IDENTITY,
    LINK,
    TEMPLATE,
    TENANT,
    Name,
    tag_dimension,
    tag_of,
)
from pillarbox.stats.providers import providers_of
from pillarbox.stats.rates import Rates, rates_of
from pillarbox.stats.spans import Span, stretches
from pillarbox.store import counters
from pillarbox.store.plan import Plan

# Asked for like a dimension; made from recipient domains.
PROVIDER = "provider"
DIMENSIONS = (CONFIGURATION_SET, TENANT, IDENTITY, PROVIDER, TEMPLATE, LINK, DOMAIN)

# https://docs.aws.amazon.com/ses/latest/APIReference/API_GetSendStatistics.html
_REACH: Millis = 14 * DAY
# Every recipient counts whatever the mail was for: simulator and captured mail are there to see the numbers move.
_MEMBERS: Mapping[str, str] = {
    Name.SENT: "DeliveryAttempts",
    Name.SENT_SIMULATOR: "DeliveryAttempts",
    Name.BOUNCED_PERMANENT: "Bounces",
    Name.BOUNCED_TRANSIENT: "Bounces",
    Name.BOUNCED_UNDETERMINED: "Bounces",
    Name.BOUNCED_SUPPRESSED: "Bounces",
    Name.BOUNCED_SIMULATOR: "Bounces",
    Name.COMPLAINED: "Complaints",
    Name.COMPLAINED_SUPPRESSED: "Complaints",
    Name.COMPLAINED_SIMULATOR: "Complaints",
    Name.REJECTED: "Rejects",
}


class Whose(msgspec.Struct, frozen=True):
    """Whose statistics: of one account or of all, in one region or in all."""

    account: str = ""
    region: str = ""


class Point(msgspec.Struct, frozen=True):
    """The totals of one bucket, by name."""

    at: Millis
    totals: dict[str, int]


class Statistics(msgspec.Struct, frozen=True):
    """One member of a dimension over a span: the buckets in which anything happened, their totals, and the rates."""

    dimension: str
    member: str
    since: Millis
    until: Millis
    step_ms: int
    totals: dict[str, int]
    rates: Rates
    series: list[Point]


class Line(msgspec.Struct, frozen=True):
    """One member among others."""

    member: str
    totals: dict[str, int]
    rates: Rates


def send_statistics(scope: Scope, now: Millis) -> Plan[list[dict[str, int]]]:
    """Return the data points of GetSendStatistics, the oldest first, without intervals in which nothing happened.

    `Timestamp` is when the interval begins, in milliseconds.
    """
    since = now - _REACH
    rows = yield from counters.series(scope, ACCOUNT, "", QUARTER, since - since % QUARTER, now + QUARTER)
    points: dict[Millis, dict[str, int]] = {}
    for row in rows:
        if member := _MEMBERS.get(row.name):
            empty = {"Timestamp": row.bucket_at, "DeliveryAttempts": 0, "Bounces": 0, "Complaints": 0, "Rejects": 0}
            points.setdefault(row.bucket_at, empty)[member] += row.total
    return list(points.values())


def scopes_of(whose: Whose) -> Plan[list[Scope]]:
    """Return the accounts and regions that anything was counted for; all accounts are those of customers."""
    return [
        scope
        for scope in (yield from counters.scopes())
        if (scope.account == whose.account or (not whose.account and scope.account != SERVICE_ACCOUNT))
        and whose.region in ("", scope.region)
    ]


def statistics(
    whose: Whose, span: Span, dimension: str = ACCOUNT, member: str = "", *, with_captured: bool = False
) -> Plan[Statistics]:
    """Return what was counted of one member; `with_captured` lets captured mail count in rates as delivered."""
    if dimension == PROVIDER:
        points = yield from _provider_points(whose, span, member)
    else:
        check_dimension(dimension)
        points = {}
        for scope in (yield from scopes_of(whose)):
            for row in (yield from counters.series(scope, dimension, member, span.step, span.since, span.until)):
                points.setdefault(row.bucket_at, Counter())[row.name] += row.total
    totals: Counter[str] = Counter()
    for point in points.values():
        totals.update(point)
    series = [Point(at, dict(points[at])) for at in sorted(points)]
    rates = rates_of(totals, with_captured=with_captured)
    return Statistics(dimension, member, span.since, span.until, span.step, dict(totals), rates, series)


def members(whose: Whose, dimension: str, span: Span, *, most: int, with_captured: bool = False) -> Plan[list[Line]]:
    """Return the members of a dimension that most was sent for (of a link: that was followed most), in that order."""
    found: dict[str, Counter[str]] = {}
    counted_by = DOMAIN if dimension == PROVIDER else check_dimension(dimension)
    for scope in (yield from scopes_of(whose)):
        for since, until, step in stretches(span):
            here = yield from counters.by_member(scope, counted_by, step, since, until)
            for member, totals in here.items():
                found.setdefault(member, Counter()).update(totals)
    if dimension == PROVIDER:
        found = yield from _by_provider(found)
    largest = sorted(found, key=lambda member: (-_weight(found[member]), member))[:most]
    return [Line(one, dict(found[one]), rates_of(found[one], with_captured=with_captured)) for one in largest]


def tag_dimensions(whose: Whose) -> Plan[list[str]]:
    """Return the message tags by which anything was counted."""
    found: set[str] = set()
    for scope in (yield from scopes_of(whose)):
        found.update(filter(None, map(tag_of, (yield from counters.dimensions(scope)))))
    return sorted(found)


def check_dimension(dimension: str) -> str:
    """Return the dimension, or raise Invalid; `tag:NAME` counts by a message tag."""
    if dimension != ACCOUNT and dimension not in DIMENSIONS and not tag_of(dimension):
        known = ", ".join((ACCOUNT, *DIMENSIONS, tag_dimension("NAME")))
        raise Invalid(f"nothing is counted by {dimension!r}; there are {known}")
    return dimension


def _provider_points(whose: Whose, span: Span, provider: str) -> Plan[dict[Millis, Counter[str]]]:
    points: dict[Millis, Counter[str]] = {}
    for scope in (yield from scopes_of(whose)):
        here = yield from counters.members(scope, DOMAIN, span.since, span.until)
        known = yield from providers_of(here)
        for domain in (domain for domain in here if known[domain] == provider):
            for row in (yield from counters.series(scope, DOMAIN, domain, span.step, span.since, span.until)):
                points.setdefault(row.bucket_at, Counter())[row.name] += row.total
    return points


def _by_provider(found: Mapping[str, Counter[str]]) -> Plan[dict[str, Counter[str]]]:
    known = yield from providers_of(found)
    merged: dict[str, Counter[str]] = {}
    for domain, totals in found.items():
        merged.setdefault(known[domain], Counter()).update(totals)
    return merged


def _weight(totals: Mapping[str, int]) -> int:
    sent = totals.get(Name.SENT, 0) + totals.get(Name.SENT_SIMULATOR, 0)
    return sent or totals.get(Name.CLICKED, 0)
