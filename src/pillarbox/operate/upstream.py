"""Other SES that mail leaves through, as operators see them: their quotas, the pace, and what is held and why.

Touches the store, and `check` and `doctor` the network. Called through operate/requests.py.
"""

from typing import TYPE_CHECKING

import msgspec

from pillarbox.delivery.lanes import OTHER_SES, Hop, read_lane
from pillarbox.delivery.pace import rate_of
from pillarbox.delivery.pacer import closes
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import NotFound
from pillarbox.operate.desk import Desk
from pillarbox.operate.queue import why_closed
from pillarbox.resources import upstreams
from pillarbox.store import holds, outgoing, pace
from pillarbox.store.plan import Plan

if TYPE_CHECKING:
    from pillarbox.operate.upstream_doctor import Link

_NO_UPSTREAM = "there is no upstream {}; `pillarbox upstream list` shows those of the running server"


class Seen(msgspec.Struct, frozen=True):
    """One upstream: what it said last (`looked_at`), and what follows from that.

    `rate` is the recipients a second that go out now (0: no limit), `held` why none do (empty: they do), `failures`
    what could not be read. `suppressed` counts the addresses on its suppression list.
    """

    name: str
    region: str
    endpoint_url: str
    account: str
    fallback: str
    looked_at: Millis
    max_send_rate: float
    max_24_hour_send: float
    sent_last_24_hours: float
    sending_enabled: bool
    production: bool
    rate: float
    waiting: int
    held: str
    suppressed: int
    failures: list[str]


async def list_all(desk: Desk) -> list[Seen]:
    """Return every upstream of the settings, as it was seen last."""
    return [await _seen(desk, name) for name in sorted(desk.upstreams)]


async def check(desk: Desk, name: str) -> Seen:
    """Ask an upstream now, let its suppression list be read anew, and return what is so then; or raise NotFound."""
    if name not in desk.upstreams:
        raise NotFound(_NO_UPSTREAM.format(name))
    from pillarbox.delivery.transport import ses_quota  # HTTP and the AWS SDK: commands start without them

    now = desk.clock.now()
    await ses_quota.look(desk.store, desk.upstreams[name], now)
    await desk.store.write(upstreams.look_now, name, now)
    return await _seen(desk, name)


async def doctor(desk: Desk, name: str, sender: str) -> "list[Link]":
    """Look at every link between an upstream and what it should tell here; NotFound when there is no such upstream."""
    if name not in desk.upstreams:
        raise NotFound(_NO_UPSTREAM.format(name))
    from pillarbox.operate import upstream_doctor  # as above

    return await upstream_doctor.links(desk.upstreams[name], f"{desk.endpoint}/in/sns/{name}", sender)


async def _seen(desk: Desk, name: str) -> Seen:
    upstream = desk.upstreams[name].upstream
    quota, suppressed_state, rate, waiting, held = await desk.store.read(_read, name, desk.clock.now())
    return Seen(
        name=name,
        region=upstream.region,
        endpoint_url=upstream.endpoint_url,
        account=upstream.account,
        fallback=upstream.fallback,
        looked_at=quota.looked_at,
        max_send_rate=quota.max_send_rate,
        max_24_hour_send=quota.max_24_hour_send,
        sent_last_24_hours=quota.sent_last_24_hours,
        sending_enabled=quota.sending_enabled,
        production=quota.production,
        rate=rate,
        waiting=waiting,
        held=held,
        suppressed=suppressed_state.addresses,
        failures=[one for one in (quota.failure, suppressed_state.failure) if one],
    )


def _read(name: str, now: Millis) -> Plan[tuple[upstreams.Quota, upstreams.ListState, float, int, str]]:
    quota = (yield from upstreams.quota(name)) or upstreams.Quota(0, 0)
    state = yield from upstreams.list_state(name)
    hop = Hop(OTHER_SES, name)
    limits = next((one for one in (yield from pace.every()) if Hop(one.egress, one.provider) == hop), None)
    every_hold = yield from holds.every()
    waiting, held = 0, why_closed(None, limits, now)
    for depth in (yield from outgoing.depths()):
        lane = read_lane(depth.lane)
        if lane.hop == hop:
            waiting += depth.rows
            held = held or next((why_closed(hold, None, now) for hold in every_hold if closes(hold, lane)), "")
    return quota, state, rate_of(limits) if limits else 0.0, waiting, held
