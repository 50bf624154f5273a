"""Other SES that mail leaves through, as operators see them: their quotas, the pace, and what is held and why.

Touches the store, and `check`, `doctor` and `prove` the network. Called through operate/upstream_requests.py.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from pillarbox.delivery.lanes import OTHER_SES, Hop, read_lane
from pillarbox.delivery.pace import rate_of
from pillarbox.delivery.pacer import closes
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.operate.queue import why_closed
from pillarbox.resources import upstreams
from pillarbox.store import audit as rows
from pillarbox.store import holds, outgoing, pace
from pillarbox.store.plan import Plan

if TYPE_CHECKING:
    from pillarbox.delivery.transport.ses_client import SesClient, Upstream
    from pillarbox.operate.chain.link import Link
    from pillarbox.operate.chain.proof import Progress, Proof

_NO_UPSTREAM = "there is no upstream {}; `pillarbox upstream list` shows those of the running server"


class Seen(msgspec.Struct, frozen=True):
    """One upstream: what it said last (`looked_at`), and what follows from that.

    `rate` is the recipients a second that go out now (0: no limit), `held` why none do (empty: they do), `failures`
    what could not be read. What it said is 0 before it was asked, and below 0 where it has no limit. `suppressed`
    counts the addresses on its suppression list.
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
    client = _client(desk, name)
    from pillarbox.delivery.transport import ses_quota  # HTTP and the AWS SDK: commands start without them

    now = desk.clock.now()
    await ses_quota.look(desk.store, client, now)
    await desk.store.write(upstreams.look_now, name, now)
    return await _seen(desk, name)


async def doctor(desk: Desk, name: str, sender: str, *, repairing: bool) -> "list[Link]":
    """Look at every link between an upstream and what it should tell here, and make those that are missing if asked to.

    Raises NotFound when there is no such upstream.
    """
    client = _client(desk, name)
    from pillarbox.operate.chain import far, link, links  # as above

    sought = link.Sought(client.upstream, f"{desk.endpoint}/in/sns/{name}", sender)
    found = await links.links(far.Far(client.upstream, client.credentials), sought, repairing=repairing)
    for one in found:
        if one.repaired:
            what = f"{name}: {one.name}"
            await desk.store.write(rows.add, audit.entry(desk, "RepairUpstream", what, _scope(client.upstream)))
    return found


async def prove(desk: Desk, name: str, sender: str) -> "Proof":
    """Send a mail whose events should arrive here; Invalid with what the upstream said when it does not take it."""
    client = _client(desk, name)
    from pillarbox.operate.chain import far, proof  # as above

    upstream = client.upstream
    named = upstream.configuration_set or next(iter(upstream.configuration_sets.values()), "")
    try:
        return await proof.begin(far.Far(upstream, client.credentials), sender, named, desk.clock.now())
    except far.FarRefused as refused:
        remedy = f" ({refused.remedy})" if refused.remedy else ""
        raise Invalid(f"{name} did not take the mail: {refused}{remedy}") from None


async def follow(desk: Desk, name: str, message_id: str, sent_at: Millis) -> "Progress":
    """Return what has arrived of the mail until now."""
    from pillarbox.operate.chain import proof  # as above

    return await desk.store.read(proof.progress, name, proof.Proof(message_id, sent_at))


def policy(desk: Desk, name: str, *, repairing: bool) -> dict[str, Any]:
    """Return the least policy for the credentials of an upstream."""
    from pillarbox.operate.chain import permissions  # as above

    upstream = _client(desk, name).upstream
    return permissions.least_policy(upstream, permissions.purposes(upstream, repairing=repairing))


async def set_credentials(
    desk: Desk, name: str, access_key_id: str, secret_access_key: str, session_token: str
) -> None:
    """Seal the credentials of an upstream into the store; the next request is signed with them.

    What the settings give goes before.
    """
    client = _client(desk, name)
    if client.upstream.access_key_id:
        raise Invalid(f"the settings give credentials for {name}, which go before those of the store: take them out")
    if not access_key_id or not secret_access_key:
        raise Invalid("credentials are an access key and its secret")
    from pillarbox.delivery.transport import ses_credentials  # as above

    pair = ses_credentials.Pair(access_key_id, secret_access_key, session_token)
    arguments = (name, pair, desk.keyring, desk.clock.now())
    scope, what = _scope(client.upstream), f"{name}: {access_key_id}"
    await audit.write(desk, "SetUpstreamCredentials", what, scope, ses_credentials.keep, *arguments)
    client.credentials.forget()


async def remove_credentials(desk: Desk, name: str) -> None:
    """Take the credentials of an upstream out of the store; NotFound when there are none."""
    client = _client(desk, name)
    from pillarbox.delivery.transport import ses_credentials  # as above

    scope = _scope(client.upstream)
    if not await audit.write(desk, "RemoveUpstreamCredentials", name, scope, ses_credentials.drop, name):
        raise NotFound(f"the store has no credentials for the upstream {name}")
    client.credentials.forget()


def _scope(upstream: "Upstream") -> Scope:
    return Scope(upstream.account or SERVICE_ACCOUNT, upstream.region)


def _client(desk: Desk, name: str) -> "SesClient":
    if name not in desk.upstreams:
        raise NotFound(_NO_UPSTREAM.format(name))
    return desk.upstreams[name]


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
        failures=list(dict.fromkeys(filter(None, (quota.failure, suppressed_state.failure)))),
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
