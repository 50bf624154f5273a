"""What upstreams told and nobody could read or record: what it is, and another try.

Touches the store. Called through operate/requests.py.
"""

import msgspec

from pillarbox.kit import log
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.operate.desk import Desk
from pillarbox.store import quarantine
from pillarbox.store.plan import Plan
from pillarbox.store.quarantine import QuarantineRow

_AT_ONCE = 500


class Kept(msgspec.Struct, frozen=True):
    """A part of a post, as it came, and why it could not be read."""

    upstream: str
    post_id: str
    account: str
    region: str
    arrived_at: Millis
    why: str
    content: str


async def list_all(desk: Desk, upstream: str = "", most: int = 100) -> list[Kept]:
    """Return the oldest of one upstream or of all, oldest first."""
    return [Kept(*row) for row in await desk.store.read(quarantine.oldest, upstream, most)]


async def read_again(desk: Desk, upstream: str = "") -> int:
    """Read everything once more and return how much of it is no longer in quarantine; for after an upgrade."""
    done, last = 0, None
    while rows := await desk.store.read(quarantine.oldest, upstream, _AT_ONCE, last):
        for row in rows:
            try:
                done += await desk.store.write(_taken_again, row, desk.clock.now())
            except Unavailable:
                raise
            except Exception as error:  # what no release has a way to record: it stays where it is
                log.named("events-in").warning("still in quarantine", post=row.post_id, why=repr(error))
        last = rows[-1]
    return done


def _taken_again(row: QuarantineRow, now: Millis) -> Plan[bool]:
    # Commands start without what reads events: certificates, HTTP and the rules of suppression come with it.
    from pillarbox.consumer import read
    from pillarbox.upstream.arrival import Source, arrival_of
    from pillarbox.upstream.ingest import take

    reading = read(row.content)
    if reading.unreadable or not reading.events:
        return False
    source = Source(row.upstream, Scope(row.account, row.region))
    (taken,) = yield from take([arrival_of(source, "", tuple(reading.events), (), now)])
    if taken.quarantined:
        return False
    yield from quarantine.remove(row.upstream, row.post_id)
    return True
