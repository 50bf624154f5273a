"""The operator's hands on the delivery queue: what waits and why, and pause, resume, retry and pace.

Touches the store. Called through operate/requests.py. What is done here is rows,
so that every process that delivers follows within a second.
"""

import re
from collections.abc import Sequence

import msgspec

from pillarbox.delivery.lanes import OTHER_SES, SORTED_BY_PROVIDER, Hop, Lane, brought_back, read_lane, set_aside
from pillarbox.delivery.pace import connections_of, forgotten, is_idle, opens_at, rate_of, set_by_hand
from pillarbox.delivery.pacer import closes, keeps
from pillarbox.kit.clock import DAY, Millis, iso
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.store import holds, messages, outgoing, pace
from pillarbox.store.holds import ACCOUNT, CONFIGURATION_SET, MESSAGE, PROVIDER, Hold
from pillarbox.store.outgoing import LaneDepth
from pillarbox.store.pace import Limits
from pillarbox.store.plan import Plan

_MOST_REASONS = 3
_SMARTHOST = "smtp"
_ACCOUNT = re.compile(r"[0-9]{12}")
_LEAVES = SORTED_BY_PROVIDER | {OTHER_SES, _SMARTHOST}


class What(msgspec.Struct, frozen=True, omit_defaults=True):
    """What mail an operator means; an empty value narrows nothing. `provider` is one of `google`, `mx/google`."""

    account: str = ""
    configuration_set: str = ""
    provider: str = ""
    message_id: str = ""


class Reason(msgspec.Struct, frozen=True):
    why: str
    rows: int


class Waiting(msgspec.Struct, frozen=True):
    """One lane: `closed` says why nothing of it goes out now (empty: it does), `reasons` what its rows met last."""

    account: str
    region: str
    egress: str
    provider: str
    rows: int
    in_hand: int
    oldest_at: Millis
    next_at: Millis | None
    closed: str
    reasons: list[Reason]


class Paused(msgspec.Struct, frozen=True):
    """What an operator paused, when and why."""

    what: What
    why: str
    at: Millis


class Queue(msgspec.Struct, frozen=True):
    lanes: list[Waiting]
    paused: list[Paused]


class Pace(msgspec.Struct, frozen=True):
    """How fast a provider is sent to now; 0 is no limit. `most_…` was set by hand, the rest was learned.

    Of a source that warms up, `day_used` messages of today's `day_most` were begun.
    """

    egress: str
    provider: str
    rate: float
    connections: int
    most_rate: float
    most_connections: int
    not_before: Millis
    why: str
    day_used: int = 0
    day_most: int = 0


async def show(desk: Desk, account: str = "") -> Queue:
    """Return what waits, of an account or of all, and what is paused."""
    return await desk.store.read(_show, account, desk.clock.now())


async def pause(desk: Desk, what: What, why: str) -> int:
    """Let nothing of it go out from now on, and return how many rows wait; attempts in hand are ended."""
    hold = _hold_of(what, why, desk.clock.now())
    return await audit.write(desk, "queue.pause", _named(what), Scope(what.account, ""), _pause, hold, what.account)


async def resume(desk: Desk, what: What) -> int:
    """Lift a pause that was made in the same words, and return how many rows go on. NotFound when there is none."""
    hold = _hold_of(what, "", desk.clock.now())
    return await audit.write(desk, "queue.resume", _named(what), Scope(what.account, ""), _resume, hold, what.account)


async def retry(desk: Desk, what: What) -> int:
    """Make what waits for another try due now, whatever its provider asked for, and return how many rows."""
    if not any(msgspec.structs.astuple(what)):
        raise Invalid("say what to retry: an account, a configuration set, a provider or a message")
    return await audit.write(desk, "queue.retry", _named(what), Scope(what.account, ""), _retry, what, desk.clock.now())


async def paces(desk: Desk) -> list[Pace]:
    """Return every pace that something limits."""
    now = desk.clock.now()
    return [_pace(limits, now) for limits in await desk.store.read(pace.every) if not is_idle(limits)]


async def set_pace(desk: Desk, hop: str, rate: float | None, connections: int | None, *, forget: bool) -> Pace:
    """Put a ceiling on a pace (0 takes it away), or forget what was learned; return what is so now."""
    egress, provider = Hop.read(hop)
    if egress.partition(":")[0] not in _LEAVES or (not provider and egress != _SMARTHOST):
        raise Invalid(f"mail leaves by mx/PROVIDER, mx:POOL/PROVIDER, ses/UPSTREAM or smtp, and not by {hop!r}")
    return await audit.write(
        desk, "queue.pace", hop, Scope("", ""), _set_pace, egress, provider, rate, connections, forget, desk.clock.now()
    )


def _named(what: What) -> str:
    """Return what an operator means, beside the account, in the words of the audit log."""
    return " ".join(filter(None, (what.configuration_set, what.provider, what.message_id)))


def why_closed(hold: Hold | None, limits: Limits | None, now: Millis) -> str:
    """Say why nothing goes out of a lane: empty when something does."""
    if hold is not None:
        return f"paused at {iso(hold.held_at)}" + (f": {hold.why}" if hold.why else "")
    if limits is not None and limits.held_until > now:
        return f"until {iso(limits.held_until)} at least: {limits.held_why}"
    if limits is not None and limits.not_before > now:
        return f"until {iso(limits.not_before)}, because the provider said: {limits.why}"
    return ""


def why_lane_closed(name: str, message_id: str, configuration_set: str, now: Millis) -> Plan[str]:
    """Say why a row of this lane, message and set does not go out: empty when it does."""
    lane = read_lane(name)
    for hold in (yield from holds.every()):
        if closes(hold, lane) or keeps(hold, lane.account, message_id, configuration_set):
            return why_closed(hold, None, now)
    known = {Hop(limits.egress, limits.provider): limits for limits in (yield from pace.every())}
    return why_closed(None, known.get(lane.hop), now)


def _show(account: str, now: Millis) -> Plan[Queue]:
    every_hold = yield from holds.every()
    known = {Hop(limits.egress, limits.provider): limits for limits in (yield from pace.every())}
    lanes = []
    for depth in (yield from outgoing.depths()):
        lane = read_lane(depth.lane)
        if account not in ("", lane.account):
            continue
        reasons = yield from outgoing.reasons(depth.lane, _MOST_REASONS)
        lanes.append(_waiting(depth, lane, every_hold, known.get(lane.hop), reasons, now))
    paused = []
    for hold in every_hold:
        if (yield from _concerns(hold, account)):
            paused.append(Paused(_what_of(hold), hold.why, hold.held_at))
    return Queue(lanes, paused)


def _concerns(hold: Hold, account: str) -> Plan[bool]:
    """Say whether a pause is about mail of an account (empty: of any)."""
    if hold.kind != MESSAGE or not account:
        return account in ("", hold.account) or not hold.account
    message = yield from messages.get(hold.name)
    return message is not None and message.account == account


def _waiting(
    depth: LaneDepth,
    lane: Lane,
    every_hold: Sequence[Hold],
    limits: Limits | None,
    reasons: Sequence[tuple[str, int]],
    now: Millis,
) -> Waiting:
    hold = next((hold for hold in every_hold if closes(hold, lane)), None)
    closed = "paused by message or configuration set" if lane.aside and not hold else why_closed(hold, limits, now)
    next_at = max(depth.due_at, opens_at(limits)) if limits else depth.due_at
    return Waiting(
        lane.account,
        lane.region,
        *lane.hop,
        depth.rows,
        depth.in_hand,
        depth.oldest_at,
        None if hold or lane.aside else next_at,
        closed,
        [Reason(why, count) for why, count in reasons],
    )


def _pause(hold: Hold, account: str) -> Plan[int]:
    if hold.kind == MESSAGE:
        yield from _check_owner(hold.name, account)
    yield from holds.put(hold)
    if hold.kind != MESSAGE:  # rows of a set are set aside by the workers as they come to them
        return (yield from _waiting_under(hold))
    count = 0
    for name in sorted({row.lane for row in (yield from outgoing.of_message(hold.name))}):
        count += yield from outgoing.change_lane(name, set_aside(name), "", hold.name)
    return count


def _waiting_under(hold: Hold) -> Plan[int]:
    depths = yield from outgoing.depths()
    return sum(depth.rows for depth in depths if closes(hold, read_lane(depth.lane)))


def _check_owner(message_id: str, account: str) -> Plan[None]:
    """Raise NotFound for a message that is not there, or not of the account that somebody works for."""
    message = yield from messages.get(message_id)
    if message is None or account not in ("", message.account):
        raise NotFound(f"there is no message {message_id}")


def _resume(hold: Hold, account: str) -> Plan[int]:
    if hold.kind == MESSAGE and account:
        yield from _check_owner(hold.name, account)
    if not (yield from holds.lift(*hold[:3])):
        raise NotFound("nothing is paused in these words; `pillarbox queue` shows what is")
    if hold.kind in (ACCOUNT, PROVIDER):
        return (yield from _waiting_under(hold))
    configuration_set = hold.name if hold.kind == CONFIGURATION_SET else ""
    message_id = hold.name if hold.kind == MESSAGE else ""
    count = 0
    for name in (yield from outgoing.lanes()):
        lane = read_lane(name)
        if lane.aside and hold.account in ("", lane.account):
            count += yield from outgoing.change_lane(name, brought_back(name), configuration_set, message_id)
    return count


def _retry(what: What, now: Millis) -> Plan[int]:
    count = 0
    for name in (yield from outgoing.lanes()):
        lane = read_lane(name)
        if what.account in ("", lane.account) and (not what.provider or lane.hop.is_called(what.provider)):
            count += yield from outgoing.hurry(name, what.configuration_set, what.message_id, now)
    for limits in (yield from pace.every()):
        if what.provider and Hop(limits.egress, limits.provider).is_called(what.provider):
            yield from pace.change(limits.egress, limits.provider, _without_rest)
    return count


def _without_rest(limits: Limits) -> tuple[Limits, None]:
    return limits._replace(not_before=0, held_until=0, held_why=""), None


def _set_pace(
    egress: str, provider: str, rate: float | None, connections: int | None, forget: bool, now: Millis
) -> Plan[Pace]:
    def decide(limits: Limits) -> tuple[Limits, None]:
        limits = forgotten(limits) if forget else limits
        return set_by_hand(limits, rate, connections), None

    limits, _ = yield from pace.change(egress, provider, decide)
    if is_idle(limits):
        yield from pace.forget(egress, provider)
    return _pace(limits, now)


def _pace(limits: Limits, now: Millis) -> Pace:
    today = limits.day_at <= now < limits.day_at + DAY
    return Pace(
        limits.egress,
        limits.provider,
        rate_of(limits),
        connections_of(limits),
        limits.most_rate,
        limits.most_connections,
        opens_at(limits),
        limits.held_why if limits.held_until > now else limits.why,
        limits.day_used if today else 0,
        limits.day_most if today else 0,
    )


def _hold_of(what: What, why: str, now: Millis) -> Hold:
    """Return the hold that words mean: one thing at a time, a set or a provider of one account if that is named."""
    named = [one for one in (what.configuration_set, what.provider, what.message_id) if one]
    if len(named) > 1 or not (named or what.account):
        raise Invalid("name one of these: an account, a configuration set, a provider or a message")
    if what.account and what.account != SERVICE_ACCOUNT and not _ACCOUNT.fullmatch(what.account):
        raise Invalid(f"an account is 12 digits, not {what.account!r}")
    if what.message_id:
        return Hold(MESSAGE, "", what.message_id, why, now)
    if what.configuration_set:
        return Hold(CONFIGURATION_SET, what.account, what.configuration_set, why, now)
    if what.provider:
        return Hold(PROVIDER, what.account, what.provider, why, now)
    return Hold(ACCOUNT, what.account, "", why, now)


def _what_of(hold: Hold) -> What:
    return What(
        account=hold.account,
        configuration_set=hold.name if hold.kind == CONFIGURATION_SET else "",
        provider=hold.name if hold.kind == PROVIDER else "",
        message_id=hold.name if hold.kind == MESSAGE else "",
    )
