"""What operators ask of the statistics: how sending goes, by what it is counted, and to count again.

Touches the store. Called through operate/requests.py. The numbers are those of
stats/query.py, as everywhere.
"""

import msgspec

from pillarbox.events.follow import Follower
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.stats import query, rebuild, tags
from pillarbox.stats.follow import count
from pillarbox.stats.names import ACCOUNT
from pillarbox.stats.query import Line, Statistics, Whose
from pillarbox.stats.spans import Span, span_of
from pillarbox.store.plan import Plan


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What statistics are asked for; without a member the members of the dimension are compared."""

    span: str = "24h"
    account: str = ""
    region: str = ""
    dimension: str = ACCOUNT
    member: str = ""
    most: int = 50


class Report(msgspec.Struct, frozen=True):
    """All mail together (or one member), and the members of a dimension side by side if they were asked for."""

    whole: Statistics
    members: list[Line]


async def report(desk: Desk, asked: Asked) -> Report:
    """Return the statistics; Invalid for a span or dimension that there is none of."""
    span = span_of(asked.span, desk.clock.now())
    return await desk.store.read(_report, asked, span, desk.dev)


async def count_again(desk: Desk) -> int:
    """Forget what was counted and count all again; return how many events are still to be counted.

    Where a server runs, its follower counts on; else it is done here.
    """
    left = await audit.write(desk, "stats.rebuild", "", Scope("", ""), rebuild.begin_again)
    if desk.endpoint:
        return left
    follower = Follower(rebuild.FOLLOWER, desk.store, count, desk.clock)
    while await follower.step():
        pass
    return await still_to_count(desk)


async def still_to_count(desk: Desk) -> int:
    """Return how many events are recorded and not yet counted."""
    return await desk.store.read(rebuild.left)


async def count_by_tag(desk: Desk, scope: Scope, tag: str) -> Millis:
    """Count an account's mail by the values of a message tag, and return from when on."""
    return await audit.write(desk, "stats.tag", tag, scope, tags.begin, scope, tag, desk.clock.now())


async def stop_counting_by_tag(desk: Desk, scope: Scope, tag: str) -> None:
    """Count by a tag no longer, and forget what was counted by it."""
    await audit.write(desk, "stats.untag", tag, scope, tags.end, scope, tag)


def _report(asked: Asked, span: Span, with_captured: bool) -> Plan[Report]:
    whose = Whose(asked.account, asked.region)
    if asked.member or asked.dimension == ACCOUNT:
        one = (whose, span, asked.dimension, asked.member)
        return Report((yield from query.statistics(*one, with_captured=with_captured)), [])
    members = yield from query.members(whose, asked.dimension, span, most=asked.most, with_captured=with_captured)
    return Report((yield from query.statistics(whose, span, with_captured=with_captured)), members)
