"""Looks for messages of one account and region, newest first, at a cost that does not grow with what is kept.

Plans that only read. Of all that is looked for, what is rarest leads: a term
of the index, a state, or else time itself; the rest is looked at in each
message that it leads to. Where that are too many, the search stops and says
how far it came. Called by operate/messages.py.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.stats.terms import Needle, recipient_terms, terms_of
from pillarbox.store import message_terms, messages
from pillarbox.store.message_terms import WEEK, week_of
from pillarbox.store.messages import DELIVERED, MessageRow, Place, RecipientRow, Search
from pillarbox.store.plan import Plan

_AT_ONCE = 100
_SAMPLE = 50
# Words of which so many begin alike in a week lead nowhere in particular.
_MOST_ALIKE = 16
_NOWHERE: Place = (-1, "")

_Stream = Callable[[Place, int], Plan[list[Place]]]  # places before a place, newest first


@dataclass(frozen=True, slots=True)
class Sought:
    """What a message must be to be found: one recipient must fit all of `to`, and be in `state` if one is given."""

    needles: Sequence[Needle] = ()
    to: Sequence[Needle] = ()
    state: str = ""
    since: Millis = 0

    @property
    def is_all(self) -> bool:
        return not (self.needles or self.to or self.state)

    def fits(self, message: MessageRow, recipients: Sequence[RecipientRow]) -> bool:
        if self.needles:
            terms = terms_of(message)
            if not all(needle.fits(terms) for needle in self.needles):
                return False
        if not (self.to or self.state):
            return True
        return any(self._is_one(recipient) for recipient in recipients)

    def _is_one(self, recipient: RecipientRow) -> bool:
        if self.state not in ("", recipient.state):
            return False
        terms = list(recipient_terms(recipient.address))
        return all(needle.fits(terms) for needle in self.to)


class Match(NamedTuple):
    message: MessageRow
    recipients: Sequence[RecipientRow]

    @property
    def place(self) -> Place:
        return self.message.accepted_at, self.message.message_id


class Found(NamedTuple):
    """`left` is the place behind which there may be more; None when there is none."""

    matches: list[Match]
    left: Place | None


def search(scope: Scope, sought: Sought, before: Place, limit: int, most_looked_at: int) -> Plan[Found]:
    """Return at most `limit` messages that fit, after a look at `most_looked_at` or a few more."""
    if sought.is_all:
        rows = yield from messages.newest(Search(*scope, sought.since, before), limit)
        matches = yield from _with_recipients(rows)
        return Found(matches, matches[-1].place if len(matches) == limit else None)
    matches = []
    looked_at = 0
    for end, since in (yield from _stretches(scope, sought, before)):
        streams, others, rest = yield from _leading(scope, sought, end, since)
        place = end
        while places := (yield from _merged(streams, place, _AT_ONCE)):
            for match in (yield from _read((yield from _holding_all(scope, others, places)))):
                if rest.fits(*match):
                    matches.append(match)
                    if len(matches) == limit:
                        return Found(matches, match.place)
            place = places[-1]
            looked_at += len(places)
            if looked_at >= most_looked_at:
                return Found(matches, place)
    return Found(matches, None)


def one(sought: Sought, message_id: str) -> Plan[Match | None]:
    """Return the message with this id, if it fits."""
    for match in (yield from _read([(0, message_id)])):
        if match.message.accepted_at >= sought.since and sought.fits(*match):
            return match
    return None


def _stretches(scope: Scope, sought: Sought, before: Place) -> Plan[list[tuple[Place, Millis]]]:
    """Return what is looked through one after the other, newest first: each week, if terms lead."""
    if not (sought.needles or sought.to):
        return [(before, sought.since)]
    bounds = yield from messages.first_and_last(scope)
    if bounds is None:
        return []
    oldest, newest = max(sought.since, bounds[0]), bounds[1]
    weeks = range(week_of(min(before[0], newest)), week_of(oldest) - 1, -WEEK)
    return [(min(before, (week_at + WEEK, "")), max(week_at, sought.since)) for week_at in weeks]


class _Way(NamedTuple):
    """What leads to all that fits: places, the lists of terms to have one of each of besides, and what is left to see.

    What the index says need not be seen again in the message.
    """

    streams: list[_Stream]
    others: list[list[str]]
    rest: Sought


def _leading(scope: Scope, sought: Sought, before: Place, since: Millis) -> Plan[_Way]:
    """Return the way that is likely to lead to least that does not fit."""
    choices: list[tuple[list[_Stream], list[str]]] = []
    known = set[Needle]()
    for needle in (*sought.needles, *sought.to):
        terms = yield from _terms(scope, week_of(since), needle)
        if terms is not None:
            known.add(needle)
            choices.append(([partial(message_terms.places, scope, term, since) for term in terms], terms))
    if sought.state not in ("", DELIVERED):
        choices.append(([partial(messages.places_in_state, scope, sought.state, since)], []))
    rest = _rest(sought, known)
    if not choices:
        return _Way([partial(messages.places, scope, since)], [], rest)
    ranks = []
    for streams, _ in choices:  # of the same number of places, the rarest reach furthest back
        places = yield from _merged(streams, before, _SAMPLE)
        ranks.append((places[-1] if len(places) >= _SAMPLE else _NOWHERE, len(places)))
    first = ranks.index(min(ranks))
    others = [terms for place, (_, terms) in enumerate(choices) if place != first and terms]
    return _Way(choices[first][0], others, rest)


def _rest(sought: Sought, known: Set[Needle]) -> Sought:
    is_of_one = bool(sought.state) or len(sought.to) > 1  # then the same recipient must be it all
    to = () if set(sought.to) <= known and not is_of_one else sought.to
    return replace(sought, needles=[one for one in sought.needles if one not in known], to=to)


def _holding_all(scope: Scope, others: Sequence[Sequence[str]], places: list[Place]) -> Plan[list[Place]]:
    """Return the places of messages that have a term of each list."""
    for terms in others:
        holding: set[Place] = set()
        for term in terms:
            if places:
                holding |= yield from message_terms.holding(scope, term, places)
        places = [place for place in places if place in holding]
    return places


def _terms(scope: Scope, week_at: Millis, needle: Needle) -> Plan[list[str] | None]:
    """Return the terms of a week that a needle fits; None when they are too many."""
    terms = [needle.whole] if needle.whole else []
    for start in needle.starts:
        begun = yield from message_terms.beginning_with(scope, week_at, start, _MOST_ALIKE)
        if len(begun) == _MOST_ALIKE:
            return None
        terms += begun
    return terms


def _merged(streams: Sequence[_Stream], before: Place, at_once: int) -> Plan[list[Place]]:
    """Return the next places of all streams, newest first, without those that another stream may still precede."""
    found: set[Place] = set()
    known_to = _NOWHERE
    for stream in streams:
        places = yield from stream(before, at_once)
        found.update(places)
        if len(places) == at_once:
            known_to = max(known_to, places[-1])
    return sorted((place for place in found if place >= known_to), reverse=True)


def _read(places: Sequence[Place]) -> Plan[list[Match]]:
    ids = [message_id for _, message_id in places]
    rows = yield from messages.get_many(ids)
    return (yield from _with_recipients([rows[one] for one in ids if one in rows]))


def _with_recipients(rows: Sequence[MessageRow]) -> Plan[list[Match]]:
    recipients = yield from messages.recipients_of_many([row.message_id for row in rows])
    return [Match(row, recipients.get(row.message_id, ())) for row in rows]
