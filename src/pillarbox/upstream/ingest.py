"""Takes what upstreams tell into our event log: every fact once, in any order, and nothing is dropped.

`take` is the plan that `store.commit` runs for all posts that wait at the same
time. A post that came before is known by its id, a fact by its content. What is
about mail of ours is recorded with our MessageId; other mail becomes a message
that was witnessed. What cannot be read is put into quarantine with its reason.
Called by upstream/intake.py and upstream/poller.py.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pillarbox.delivery.suppression import suppress
from pillarbox.events.record import record
from pillarbox.events.types import Bounce, BouncedRecipient, Complaint, Delivery, DeliveryDelay, Event, Fact, Send
from pillarbox.events.types import recipients_of as named_in
from pillarbox.kit import metrics
from pillarbox.store import events as log
from pillarbox.store import messages, quarantine, upstream_ids
from pillarbox.store.messages import MessageRow, RecipientRow
from pillarbox.store.plan import Plan
from pillarbox.store.quarantine import QuarantineRow
from pillarbox.store.upstream_ids import OUR_ID_TAG, UpstreamId
from pillarbox.upstream.arrival import Arrival, Source, Told, digest_of
from pillarbox.upstream.witness import addresses_of, filled_in, is_witnessed, recipients_of, witnessed

EVENTS = metrics.counter(
    "upstream_events_total",
    labels=("upstream", "outcome"),
    doc="""Events that upstreams told: `recorded`, `known` (told before) or `quarantined` (they could not be read, or
    not be recorded).

    No `recorded` for long while mail is sent: nothing arrives; look at the subscription or the queue. Any
    `quarantined`: `pillarbox quarantine list` shows what and why.""",
)

_NOT_THEIRS = "the MessageId is that of another account's message"

_Key = tuple[str, str]  # an upstream and its id of a message


class Taken(NamedTuple):
    """What became of a post: how many facts were new, were told before, and could not be read."""

    recorded: int = 0
    known: int = 0
    quarantined: int = 0


class _Placed(NamedTuple):
    """A fact, and the message that it belongs to."""

    at: int  # which of the posts told it
    told: Told
    home: MessageRow


def take(arrivals: Sequence[Arrival]) -> Plan[list[Taken]]:
    """Take posts in together; the answer for each stands at its place."""
    new = yield from _new_posts(arrivals)
    told = [(at, one) for at in new for one in arrivals[at].told]
    homes = yield from _homes(arrivals, told)
    placed: list[_Placed] = []
    kept = [(at, row) for at in new for row in _unreadable(arrivals[at])]
    for at, one in told:
        arrival = arrivals[at]
        home = homes[arrival.source.name, one.mail.message_id]
        if home.account == arrival.source.scope.account:
            placed.append(_Placed(at, one, home))
        else:
            kept.append((at, _put_away(arrival, msgspec.json.encode(one.mail).decode(), _NOT_THEIRS, one.key)))
    for _, row in kept:
        yield from quarantine.put(row)
    recorded = yield from _record(arrivals, placed)
    taken = []
    for at, arrival in enumerate(arrivals):
        quarantined = sum(place == at for place, _ in kept)
        known = len(arrival.told) + len(arrival.unreadable) - recorded[at] - quarantined
        taken.append(Taken(recorded[at], known, quarantined))
    return taken


def note(source: Source, taken: Taken) -> None:
    """Count what became of a post, once it is on disk."""
    for outcome, count in zip(Taken._fields, taken, strict=True):
        if count:
            EVENTS.labels(source.name, outcome).inc(count)


def _new_posts(arrivals: Sequence[Arrival]) -> Plan[list[int]]:
    """Return the places of the posts that did not come before; a post without an id is known by its facts alone."""
    keys: dict[tuple[str, str], int] = {}
    new = []
    for at, arrival in enumerate(arrivals):
        if arrival.post_id:
            keys.setdefault((arrival.source.scope.account, f"upstream-post/{arrival.post_id}"), at)
        else:
            new.append(at)
    if keys:
        first = yield from log.first_seen_among(list(keys), arrivals[0].arrived_at)
        new += [at for key, at in keys.items() if key in first]
    return sorted(new)


def _homes(arrivals: Sequence[Arrival], told: Sequence[tuple[int, Told]]) -> Plan[dict[_Key, MessageRow]]:
    """Return the message of each id that was told; one that nobody knows is made from what is told of it."""
    by_id: dict[_Key, list[tuple[Arrival, Told]]] = {}
    for at, one in told:
        by_id.setdefault((arrivals[at].source.name, one.mail.message_id), []).append((arrivals[at], one))
    ids = yield from _known_ids(by_id)
    new = {key for key in by_id if key not in ids}
    ids |= {key: key[1] for key in new}
    yield from _add_witnessed(sorted(new), by_id)
    wanted = sorted(set(ids.values()))
    yield from messages.lock(wanted)
    rows = yield from messages.get_many(wanted)
    homes: dict[_Key, MessageRow] = {}
    learned: dict[str, MessageRow] = {}
    recipients: list[RecipientRow] = []
    for key, tellers in by_id.items():
        home = rows.get(ids[key]) or _as_told(*tellers[0])  # the message may no longer be kept: its events are
        if is_witnessed(home) and home.account == tellers[0][0].source.scope.account:
            filled = _filled_in(home, tellers)
            if filled != home:
                learned[home.message_id] = filled
            if filled != home or key in new:
                recipients += recipients_of(filled)
            home = filled
        homes[key] = rows[ids[key]] = home
    yield from messages.learn(list(learned.values()))
    yield from messages.add_if_absent((), recipients)
    return homes


def _add_witnessed(new: Sequence[_Key], by_id: Mapping[_Key, Sequence[tuple[Arrival, Told]]]) -> Plan[None]:
    if new:
        yield from messages.add_if_absent([_as_told(*by_id[key][0]) for key in new], ())
        at = by_id[new[0]][0][0].arrived_at
        for upstream in {key[0] for key in new}:
            yield from upstream_ids.note_witnessed(upstream, [key[1] for key in new if key[0] == upstream], at)


def _known_ids(by_id: dict[_Key, list[tuple[Arrival, Told]]]) -> Plan[dict[_Key, str]]:
    """Return our MessageId of those that are ours or were witnessed before.

    A message of ours carries its MessageId in a tag: it is known by it before the link is on disk.
    """
    ids: dict[_Key, str] = {}
    for upstream in {key[0] for key in by_id}:
        known = yield from upstream_ids.ours(upstream, [key[1] for key in by_id if key[0] == upstream])
        ids.update({(upstream, their_id): message_id for their_id, message_id in known.items()})
    tagged = {key: tag for key, tellers in by_id.items() if key not in ids and (tag := _tagged(tellers))}
    rows = yield from messages.get_many(sorted(set(tagged.values())))
    for key, tag in tagged.items():
        arrival = by_id[key][0][0]
        if tag in rows and rows[tag].account == arrival.source.scope.account:
            ids[key] = tag
            yield from upstream_ids.link([UpstreamId(*key, tag, arrival.arrived_at)])
    return ids


def _tagged(tellers: Iterable[tuple[Arrival, Told]]) -> str:
    return next((value for _, one in tellers for value in one.mail.tags.get(OUR_ID_TAG, ())), "")


def _filled_in(home: MessageRow, tellers: Iterable[tuple[Arrival, Told]]) -> MessageRow:
    last: Told | None = None
    for arrival, one in tellers:
        if last is not None and one.mail == last.mail and one.named in ((), last.named):
            continue  # events that come together mostly tell the same of their message
        last, told = one, _as_told(arrival, one)
        if told.mail != home.mail:
            home = filled_in(home, told)
    return home


def _as_told(arrival: Arrival, one: Told) -> MessageRow:
    return witnessed(one.mail, one.named, arrival.source.scope, republished=arrival.source.republish)


def _record(arrivals: Sequence[Arrival], placed: Sequence[_Placed]) -> Plan[Counter[int]]:
    """Record what is new, and say how much of it each post told; that our own mail was sent we know ourselves."""
    keys: dict[tuple[str, str], _Placed] = {}
    for one in placed:
        if not isinstance(one.told.fact, Send) or is_witnessed(one.home):
            keys.setdefault((one.home.account, one.told.key), one)
    if not keys:
        return Counter()
    new = yield from log.first_seen_among(list(keys), arrivals[0].arrived_at)
    fresh = [one for key, one in keys.items() if key in new]
    events = [_event(arrivals[one.at], one) for one in fresh]
    yield from record(events)
    yield from suppress(events)
    return Counter(one.at for one in fresh)


def _event(arrival: Arrival, one: _Placed) -> Event:
    home = one.home
    fact = _as_addressed(one.told.fact, home)
    event_id = f"{home.message_id}/{one.told.key}"
    return Event(event_id, home.scope, home.message_id, one.told.happened_at, arrival.arrived_at, fact)


def _as_addressed(fact: Fact, home: MessageRow) -> Fact:
    """Name recipients as the message does: servers change the case of what they report."""
    named_here = named_in(fact)
    ours = addresses_of(home) if named_here else []
    if set(ours).issuperset(named_here or ()):
        return fact
    spelt = {address.lower(): address for address in ours}

    def of(address: str) -> str:
        return spelt.get(address.lower(), address)

    if isinstance(fact, Delivery | Complaint):
        return msgspec.structs.replace(fact, recipients=[of(address) for address in fact.recipients])
    if isinstance(fact, Bounce | DeliveryDelay):
        named: list[BouncedRecipient] = [
            msgspec.structs.replace(one, address=of(one.address)) for one in fact.recipients
        ]
        return msgspec.structs.replace(fact, recipients=named)
    return fact


def _unreadable(arrival: Arrival) -> Iterable[QuarantineRow]:
    for number, left in enumerate(arrival.unreadable):
        yield _put_away(arrival, left.text, left.why, str(number))


def _put_away(arrival: Arrival, content: str, why: str, place: str) -> QuarantineRow:
    post_id = f"{_post_of(arrival)}{place}"
    return QuarantineRow(arrival.source.name, post_id, *arrival.source.scope, arrival.arrived_at, why, content)


def _post_of(arrival: Arrival) -> str:
    return f"{arrival.post_id or digest_of(repr(arrival.unreadable))}/"
