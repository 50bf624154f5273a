"""`pillarbox stats …`: how sending goes, in the terminal."""

import time
from typing import Annotated

import msgspec
from cyclopts import Parameter

from pillarbox.commands.printing import cut, moment, say, say_json, style, table
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.kit.clock import Millis
from pillarbox.operate.requests import CountAgain, CountByTag, ShowStatistics, StillToCount, StopCountingByTag
from pillarbox.operate.statistics import Asked, Report
from pillarbox.stats.names import ACCOUNT, TENANT, Name
from pillarbox.stats.query import Line, Statistics
from pillarbox.stats.rates import BOUNCE_REVIEW, COMPLAINT_REVIEW, reaches
from pillarbox.stats.spans import SPAN_WORDS

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
_BARS = " ▁▂▃▄▅▆▇█"
_WIDEST = 60
_MOST_CUSTOMERS = 10
_LOOK_AGAIN_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0
_SHOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("sent", (Name.SENT, Name.SENT_SIMULATOR)),
    ("delivered", (Name.DELIVERED, Name.DELIVERED_SIMULATOR)),
    ("captured", (Name.CAPTURED,)),
    ("delayed", (Name.DELAYED,)),
    ("bounced", (Name.BOUNCED_PERMANENT, Name.BOUNCED_TRANSIENT, Name.BOUNCED_UNDETERMINED, Name.BOUNCED_SIMULATOR)),
    ("not sent: suppressed", (Name.BOUNCED_SUPPRESSED, Name.COMPLAINED_SUPPRESSED)),
    ("complained", (Name.COMPLAINED, Name.COMPLAINED_SIMULATOR)),
    ("rejected", (Name.REJECTED,)),
    ("not rendered", (Name.RENDERING_FAILED,)),
    ("opened", (Name.OPENED,)),
    ("clicked", (Name.CLICKED,)),
    ("unsubscribed", (Name.UNSUBSCRIBED,)),
)


class Overview(msgspec.Struct, frozen=True):
    """The last day, and the last month with the customers that most was sent for."""

    day: Report
    month: Report


def overview(*, account: str = "", region: str = "", json: _Json = False, place: Place = HERE) -> None:
    """Show how sending goes at a glance: a day, a month, and the largest customers.

    Parameters
    ----------
    account
        Only of this account.
    region
        Only of this region.
    """
    day = ask(place, ShowStatistics(Asked("24h", account, region)), Report)
    month = ask(place, ShowStatistics(Asked("30d", account, region, TENANT, most=_MOST_CUSTOMERS)), Report)
    if json:
        say_json(Overview(day, month))
        return
    _say_whole(day.whole, f"All mail, {SPAN_WORDS['24h']}")
    say()
    _say_whole(month.whole, f"All mail, {SPAN_WORDS['30d']}")
    if month.members:
        say()
        _say_members(TENANT, month.members)


def show(
    *,
    last: str = "24h",
    by: str = ACCOUNT,
    only: str = "",
    account: str = "",
    region: str = "",
    most: int = 50,
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """Show how sending goes: totals with a sparkline each, and rates.

    Parameters
    ----------
    last
        How far back: 1h, 24h, 7d, 30d or 1y.
    by
        Compare members: configuration-set, tenant, identity, provider, template, link, recipient-domain or tag:NAME.
    only
        Of this one member.
    account
        Only of this account.
    region
        Only of this region.
    most
        Compare so many members.
    """
    if only and by == ACCOUNT:
        raise CommandError("say with --by what --only is a member of, such as --by tenant --only acme")
    found = ask(place, ShowStatistics(Asked(last, account, region, by, only, most)), Report)
    if json:
        say_json(found)
        return
    _say_whole(found.whole, f"{only or 'All mail'}, {SPAN_WORDS[last]}")
    if by != ACCOUNT and not only:
        say()
        _say_members(by, found.members)


def rebuild(*, place: Place = HERE) -> None:
    """Count everything again from the event log."""
    left = total = ask(place, CountAgain(), int)
    moved_at, said = time.monotonic(), -1
    while left:  # a server runs, and counts in the background
        if left != said:
            say(f"{total - left} of {total} events counted")
            moved_at, said = time.monotonic(), left
        time.sleep(_LOOK_AGAIN_SECONDS)
        left = ask(place, StillToCount(), int)
        if time.monotonic() - moved_at > _PATIENCE_SECONDS:
            raise CommandError(f"{left} events are still to be counted, and nothing moves: see the server's log")
    say("all events are counted")


def tag(
    name: str,
    /,
    *,
    account: str,
    region: str = "us-east-1",
    stop: Annotated[bool, Parameter(negative="")] = False,
    place: Place = HERE,
) -> None:
    """Count an account's mail by the values of a message tag, for example by customer.

    Parameters
    ----------
    name
        The name of the message tag.
    account
        The account.
    region
        Its region.
    stop
        Count by it no longer, and forget what was counted.
    """
    if stop:
        ask(place, StopCountingByTag(account, region, name), type(None))
        say(f"mail is no longer counted by {name}")
        return
    since = ask(place, CountByTag(account, region, name), int)
    say(f"mail that is accepted from {moment(since)} UTC on is counted by {name}")


def sparkline(values: dict[Millis, int], since: Millis, until: Millis, step: Millis) -> str:
    """Return one bar for each bucket, or for several where there are more than a line holds."""
    buckets = (until - since) // step
    width = -(-buckets // _WIDEST)
    sums = [0] * -(-buckets // width)
    for at, value in values.items():
        sums[(at - since) // step // width] += value
    most = max(sums, default=0) or 1
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // most)] for value in sums)


def _say_whole(whole: Statistics, heading: str) -> None:
    say(style(heading, "bold"))
    say(table(("", "TOTAL", ""), _totals(whole)) if whole.totals else "nothing was sent")
    say(_rates(whole))
    if whole.totals.get(Name.SENT_SIMULATOR):
        say(style("mail to the simulator counts in no rate", "dim"))


def _say_members(by: str, members: list[Line]) -> None:
    if not members:
        say(f"no mail is counted by {by} in this time")
        return
    headings = (by.upper(), "SENT", "DELIVERED", "BOUNCES", "COMPLAINTS", "OPENS", "CLICKS")
    say(table(headings, map(_line, members)))


def _totals(whole: Statistics) -> list[tuple[str, str, str]]:
    rows = []
    for word, names in _SHOWN:
        if total := sum(whole.totals.get(name, 0) for name in names):
            values = {point.at: sum(point.totals.get(name, 0) for name in names) for point in whole.series}
            rows.append((word, f"{total:,}", sparkline(values, whole.since, whole.until, whole.step_ms)))
    return rows


def _rates(whole: Statistics) -> str:
    rates = whole.rates
    bounces, complaints = _percent(rates.bounce), _percent(rates.complaint)
    return "  ".join(
        (
            f"delivered {_percent(rates.delivery)}",
            style(f"bounced {bounces}", "red") if reaches(rates.bounce, BOUNCE_REVIEW) else f"bounced {bounces}",
            style(f"complained {complaints}", "red")
            if reaches(rates.complaint, COMPLAINT_REVIEW)
            else f"complained {complaints}",
            f"opened {_percent(rates.open)}",
            f"clicked {_percent(rates.click)}",
        )
    )


def _line(one: Line) -> tuple[str, ...]:
    sent = one.totals.get(Name.SENT, 0) + one.totals.get(Name.SENT_SIMULATOR, 0)
    rates = one.rates
    shares = (rates.delivery, rates.bounce, rates.complaint, rates.open, rates.click)
    return (cut(one.member, 60), f"{sent:,}", *map(_percent, shares))


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2%}"
