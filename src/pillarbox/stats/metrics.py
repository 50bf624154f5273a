"""The metrics that BatchGetMetricData asks for: sums by day of one thing, narrowed by up to four dimensions.

Plans that only read. Mail to several recipients and to the simulator is left
out, as in SES; captured mail counts as delivered, as in the events that SDKs see.
`DELIVERY_OPEN` and `DELIVERY_CLICK` are deliveries of mail that is tracked: what
opens and clicks are a share of.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_BatchGetMetricDataQuery.html
"""

from collections import Counter
from typing import NamedTuple

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.stats.names import PATH, Name, Path, read_path
from pillarbox.stats.providers import isp_name, providers_of
from pillarbox.store import counters
from pillarbox.store.plan import Plan

METRICS: dict[str, tuple[Name, ...]] = {
    "SEND": (Name.SENT,),
    "COMPLAINT": (Name.COMPLAINED,),
    "PERMANENT_BOUNCE": (Name.BOUNCED_PERMANENT,),
    "TRANSIENT_BOUNCE": (Name.BOUNCED_TRANSIENT, Name.BOUNCED_UNDETERMINED),
    "OPEN": (Name.OPENED_UNIQUE,),
    "CLICK": (Name.CLICKED_UNIQUE,),
    "DELIVERY": (Name.DELIVERED, Name.CAPTURED),
    # Which providers report complaints is not known, so that all mail counts.
    "DELIVERY_COMPLAINT": (Name.DELIVERED, Name.CAPTURED),
    "DELIVERY_OPEN": (Name.DELIVERED_WITH_PIXEL, Name.CAPTURED_WITH_PIXEL),
    "DELIVERY_CLICK": (Name.DELIVERED_WITH_LINKS, Name.CAPTURED_WITH_LINKS),
}


class Narrowed(NamedTuple):
    """What a metric is narrowed by; None narrows nothing, and "" means mail without one."""

    identity: str | None = None
    configuration_set: str | None = None
    tenant: str | None = None
    isp: str | None = None

    def fits(self, path: Path, isp: str) -> bool:
        asked = ((self.identity, path.identity), (self.configuration_set, path.configuration_set))
        more = ((self.tenant, path.tenant), (self.isp and self.isp.lower(), isp.lower()))
        return all(wanted in (None, there) for wanted, there in (*asked, *more))


def by_day(scope: Scope, metric: str, narrowed: Narrowed, since: Millis, until: Millis) -> Plan[dict[Millis, int]]:
    """Return the sums of the days that begin from that of `since` to before `until`, without days of nothing."""
    found = []
    for name in METRICS[metric]:
        found += yield from counters.by_time_and_member(scope, PATH, name, DAY, since - since % DAY, until)
    paths = {member: read_path(member) for _, member, _ in found}
    known = yield from providers_of({path.domain for path in paths.values()})
    sums: Counter[Millis] = Counter()
    for day_at, member, total in found:
        path = paths[member]
        if narrowed.fits(path, isp_name(known[path.domain])):
            sums[day_at] += total
    return dict(sorted(sums.items()))
