"""What the counters say: the one reading for pages, commands and the API.

Plans that only read the store.
"""

from collections.abc import Mapping

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.stats.fold import ACCOUNT, BUCKET, Name, bucket_of
from pillarbox.store import counters
from pillarbox.store.plan import Plan

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


def send_statistics(scope: Scope, now: Millis) -> Plan[list[dict[str, int]]]:
    """Return the data points of GetSendStatistics, the oldest first, without intervals in which nothing happened.

    `Timestamp` is when the interval begins, in milliseconds.
    """
    rows = yield from counters.series(scope, ACCOUNT, "", bucket_of(now - _REACH), now + BUCKET)
    points: dict[Millis, dict[str, int]] = {}
    for row in rows:
        if member := _MEMBERS.get(row.name):
            empty = {"Timestamp": row.bucket_at, "DeliveryAttempts": 0, "Bounces": 0, "Complaints": 0, "Rejects": 0}
            points.setdefault(row.bucket_at, empty)[member] += row.total
    return list(points.values())


def totals(
    scope: Scope, since: Millis, until: Millis, dimension: str = ACCOUNT, member: str = ""
) -> Plan[dict[str, int]]:
    """Return the sums by `fold.Name` over the intervals that begin from that of `since` to before `until`."""
    return (yield from counters.totals(scope, dimension, member, bucket_of(since), until))
