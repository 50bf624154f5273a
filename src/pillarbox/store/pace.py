"""The limits that paces have, shared by all processes, and who takes mail for a domain.

Plans only. Called by delivery/pacer.py, delivery/provider_book.py and
operate/queue.py, which bring the decisions. A row is locked while a decision is
made on it, so that processes decide one after the other.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Many, Plan, Rows, Touch

T = TypeVar("T")

_COLUMNS = (
    "egress, provider, rate, connections, most_rate, most_connections, step, not_before, throttles, slowed_at,"
    " raised_at, good, next_at, why, far_rate, held_until, held_why, day_at, day_most, day_used"
)


class Limits(NamedTuple):
    """The pace of one provider as one egress source meets it; 0 is no limit.

    `rate` is in messages a second (recipients, where the far side counts those). `most_…` were set by hand, and
    `far_rate` is what the far side says that it allows: what is learned never goes beyond them. Nothing goes out
    before `not_before`, after a throttling, nor before `held_until`, while a quota is used up. On the day that began
    at `day_at`, `day_used` messages of `day_most` were begun, or may be by the processes that took them; 0: any number.
    """

    egress: str
    provider: str
    rate: float = 0.0
    connections: int = 0
    most_rate: float = 0.0
    most_connections: int = 0
    step: float = 0.0
    not_before: Millis = 0
    throttles: int = 0
    slowed_at: Millis = 0
    raised_at: Millis = 0
    good: int = 0
    next_at: float = 0.0
    why: str = ""
    far_rate: float = 0.0
    held_until: Millis = 0
    held_why: str = ""
    day_at: Millis = 0
    day_most: int = 0
    day_used: int = 0


def every() -> Plan[list[Limits]]:
    rows = yield Rows(f"SELECT {_COLUMNS} FROM paces ORDER BY egress, provider")
    return [Limits(*row) for row in rows]


def change(egress: str, provider: str, decide: Callable[[Limits], tuple[Limits, T]]) -> Plan[tuple[Limits, T]]:
    """Replace the limits by what `decide` makes of them; nobody comes between."""
    yield Rows(
        f"INSERT INTO paces ({_COLUMNS}) VALUES ({', '.join('?' * len(Limits._fields))})"
        " ON CONFLICT (egress, provider) DO NOTHING",
        Limits(egress, provider),
    )
    rows = yield Rows(
        f"SELECT {_COLUMNS} FROM paces WHERE egress = ? AND provider = ? /*pg: FOR UPDATE */", (egress, provider)
    )
    before = Limits(*rows[0])
    after, result = decide(before)
    if after != before:
        yield Rows(
            "UPDATE paces SET rate = ?, connections = ?, most_rate = ?, most_connections = ?, step = ?, not_before = ?,"
            " throttles = ?, slowed_at = ?, raised_at = ?, good = ?, next_at = ?, why = ?, far_rate = ?,"
            " held_until = ?, held_why = ?, day_at = ?, day_most = ?, day_used = ?"
            " WHERE egress = ? AND provider = ?",
            (*after[2:], egress, provider),
        )
        yield Touch("pace")
    return after, result


def forget(egress: str, provider: str) -> Plan[None]:
    """Take away the row of a pace that nothing limits any more."""
    yield Rows("DELETE FROM paces WHERE egress = ? AND provider = ?", (egress, provider))
    yield Touch("pace")


def share_connections(
    egress: str, provider: str, holder: str, open_now: int, most: int, until: Millis, now: Millis
) -> Plan[int]:
    """Return how many of `most` connections `holder` may have open; the row of the pace is locked by the caller.

    Whoever wants some gets at most an even part, and keeps what it has open until that is closed. Who gets none
    counts from then on, so that the parts of the others shrink.
    """
    rows = yield Rows(
        "SELECT count(*), coalesce(sum(connections), 0) FROM pace_shares"
        " WHERE egress = ? AND provider = ? AND holder <> ? AND held_until > ?",
        (egress, provider, holder, now),
    )
    others, taken = int(rows[0][0]), int(rows[0][1])
    even = -(-most // (others + 1))
    granted = max(min(even, most - taken), open_now)
    yield Rows(
        "INSERT INTO pace_shares (egress, provider, holder, connections, held_until) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (egress, provider, holder) DO UPDATE SET"
        " connections = excluded.connections, held_until = excluded.held_until",
        (egress, provider, holder, granted, until),
    )
    yield Rows("DELETE FROM pace_shares WHERE egress = ? AND provider = ? AND held_until <= ?", (egress, provider, now))
    return granted


def providers_of(domains: Sequence[str], now: Millis) -> Plan[dict[str, tuple[str, Millis]]]:
    """Return the providers of those domains (at most some hundred) that are still believed, and until when."""
    if not domains:
        return {}
    marks = ", ".join("?" * len(domains))
    rows = yield Rows(
        f"SELECT domain, provider, known_until FROM domain_providers WHERE known_until > ? AND domain IN ({marks})",
        (now, *domains),
    )
    return {domain: (provider, until) for domain, provider, until in rows}


def remember_providers(found: Sequence[tuple[str, str, Millis]]) -> Plan[list[None]]:
    """Keep who takes mail for domains: domain, provider, and until when that is believed."""
    yield Many(
        "INSERT INTO domain_providers (domain, provider, known_until) VALUES (?, ?, ?) ON CONFLICT (domain)"
        " DO UPDATE SET provider = excluded.provider, known_until = excluded.known_until",
        found,
    )
    return [None] * len(found)
