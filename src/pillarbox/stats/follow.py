"""Adds events to the counters as the log grows, and new messages to what messages are found by.

`count` is the plan that the follower `stats` runs in the transaction that
moves its cursor, so that each event is counted once. Built into a Follower by
app/. `forget` makes it begin again: stats/rebuild.py.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

from pillarbox.events.types import Event, Kind, was_witnessed
from pillarbox.kit.clock import DAY, HOUR, MINUTE, Millis
from pillarbox.kit.ids import Scope
from pillarbox.stats import tags, terms
from pillarbox.stats.fold import GONE, About, Added, First, Member, about, firsts, fold, minute_of, shape_of, spread
from pillarbox.stats.names import ACCOUNT, CONFIGURATION_SET, MOST_MEMBERS, MOST_VALUES, OTHER, PATH, TENANT
from pillarbox.stats.spans import FOUR_WEEKS
from pillarbox.store import counters, messages
from pillarbox.store.counters import CounterRow, FirstHit
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan

# The interval of GetSendStatistics.
# https://docs.aws.amazon.com/ses/latest/APIReference/API_SendDataPoint.html
QUARTER: Millis = 15 * MINUTE
MINUTES_KEPT: Millis = 6 * HOUR

_STEPS: Mapping[str, tuple[Millis, ...]] = {
    ACCOUNT: (MINUTE, QUARTER, HOUR, DAY),
    CONFIGURATION_SET: (MINUTE, HOUR, DAY, FOUR_WEEKS),
    TENANT: (MINUTE, HOUR, DAY, FOUR_WEEKS),
    PATH: (DAY,),
}
_USUAL_STEPS = (HOUR, DAY, FOUR_WEEKS)

# By what something counts: the account and region, and what of the message makes its members.
_Whose = tuple[Scope, tuple[Member, ...], tuple[str, str, str]]
# The sums of members: by scope, dimension, member, name and minute.
_Counts = Mapping[tuple[Scope, str, str, str, Millis], int]


class _Sum:
    """How often each is added to what counts by the same; it is spread over the members once for all.

    Events of the same shape are put aside, and added together.
    """

    def __init__(self) -> None:
        self.added: Counter[Added] = Counter()
        self._shapes: dict[Hashable, tuple[Event, About]] = {}
        self._times: Counter[Hashable] = Counter()

    def add(self, event: Event, message: About) -> None:
        if (shape := shape_of(event, message)) is None:
            self.added.update(fold(event, message))
        else:
            self._times[shape] += 1
            self._shapes.setdefault(shape, (event, message))

    def settle(self) -> None:
        """Add what was put aside."""
        for shape, one in self._shapes.items():
            for added in fold(*one):
                self.added[added] += self._times[shape]


_Sums = Mapping[_Whose, _Sum]


def counts_by(dimension: str, step: Millis) -> bool:
    """Say whether a dimension has sums of that step."""
    return step in _STEPS.get(dimension, _USUAL_STEPS)


def count(events: Sequence[Event]) -> Plan[None]:
    """Add a batch of events; what goes to the same counter is added at once."""
    found = yield from messages.get_many(sorted({event.message_id for event in events}))
    yield from terms.index(_to_index(events, found))
    sums: defaultdict[_Whose, _Sum] = defaultdict(_Sum)
    known = {
        message_id: (message, sums[found[message_id].scope, message.members, message.path])
        for message_id, message in (yield from _known(found)).items()
    }
    seen: list[tuple[Event, _Sum, First]] = []
    for event in events:
        message, its = known.get(event.message_id) or (GONE, sums[event.scope, GONE.members, GONE.path])
        its.add(event, message)
        seen += [(event, its, first) for first in firsts(event, message)]
    for one in sums.values():
        one.settle()
    yield from _count_firsts(seen)
    oldest_minute = max(event.recorded_at for event in events) - MINUTES_KEPT
    yield from counters.forget_minutes(oldest_minute)
    counts = _spread(sums)
    others = yield from _without_name(counts)
    rows = _rows(counts, others, oldest_minute)
    if rows:
        yield from counters.add(rows)


def _to_index(events: Sequence[Event], found: Mapping[str, MessageRow]) -> list[MessageRow]:
    """Return the messages whose first event is here, and those of which each event may have told more."""
    sent = {event.message_id for event in events if event.kind is Kind.SEND}
    return [row for message_id, row in found.items() if message_id in sent or was_witnessed(row.mail)]


def _known(found: Mapping[str, MessageRow]) -> Plan[dict[str, About]]:
    counted = {}
    for scope in sorted({message.scope for message in found.values()}):
        counted[scope] = yield from tags.counted(scope)
    return {message_id: about(message, counted[message.scope]) for message_id, message in found.items()}


def _count_firsts(seen: Sequence[tuple[Event, _Sum, First]]) -> Plan[None]:
    """Count what was done for the first time at that time, even if it is told later than what was done again."""
    earliest: dict[tuple[str, str, str], tuple[Event, _Sum, First]] = {}
    for event, its, first in seen:
        key = (event.message_id, first.recipient, first.mark)
        if key not in earliest or event.happened_at < earliest[key][0].happened_at:
            earliest[key] = event, its, first
    before = yield from counters.first_hits(list(earliest))
    new = []
    for key, (event, its, first) in earliest.items():
        at = before.get(key)
        if at is not None and at <= event.happened_at:
            continue
        if at is not None:
            its.added[first.added._replace(minute_at=minute_of(at))] -= 1
        its.added[first.added] += 1
        new.append(FirstHit(event.scope.account, *key, event.happened_at))
    if new:
        yield from counters.put_first_hits(new)


def _spread(sums: _Sums) -> _Counts:
    counts: dict[tuple[Scope, str, str, str, Millis], int] = defaultdict(int)
    for (scope, members, path), its in sums.items():
        for dimension, member, name, minute_at, amount in spread(its.added, members, path):
            counts[scope, dimension, member, name, minute_at] += amount
    return counts


def _without_name(counts: _Counts) -> Plan[set[tuple[Scope, str, Millis, str]]]:
    """Return the members that have no counters of their own on a day, because that has many already."""
    wanted: dict[tuple[Scope, str, Millis], dict[str, None]] = defaultdict(dict)
    for scope, dimension, member, _, minute_at in counts:
        if dimension != ACCOUNT:
            wanted[scope, dimension, minute_at - minute_at % DAY][member] = None
    others: set[tuple[Scope, str, Millis, str]] = set()
    for (scope, dimension, day_at), members in sorted(wanted.items()):
        most = MOST_MEMBERS.get(dimension, MOST_VALUES)
        named = yield from counters.admit(scope, dimension, day_at, list(members), most, OTHER)
        others.update((scope, dimension, day_at, member) for member in members if member not in named)
    return others


def _rows(counts: _Counts, others: set[tuple[Scope, str, Millis, str]], oldest_minute: Millis) -> list[CounterRow]:
    totals: dict[tuple[str, str, str, Millis, str, Millis, str], int] = defaultdict(int)
    for (scope, dimension, named, name, at), amount in counts.items():
        member = OTHER if (scope, dimension, at - at % DAY, named) in others else named
        for step in _STEPS.get(dimension, _USUAL_STEPS):
            if step != MINUTE or at >= oldest_minute:
                totals[(*scope, dimension, step, member, at - at % step, name)] += amount
    return [CounterRow(*key, total) for key, total in totals.items() if total]
