"""The list of messages, newest first, as an operator or a user looks for them.

Touches the store (reads). Called by the dashboard and by `pillarbox messages`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pillarbox.events.types import STATE_AFTER
from pillarbox.kit.clock import DAY, HOUR, MINUTE, Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.headers import decode_text
from pillarbox.kit.ids import Scope
from pillarbox.operate import message_search
from pillarbox.operate.message_search import Found, Match, Sought
from pillarbox.stats import terms
from pillarbox.stats.follow import MINUTES_KEPT
from pillarbox.stats.names import ACCOUNT, Name
from pillarbox.store import counters, messages, outgoing
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow, Place, RecipientRow
from pillarbox.store.plan import Plan

STATES: tuple[str, ...] = tuple(dict.fromkeys(state for state, _ in STATE_AFTER.values()))
MOST_ON_A_PAGE = 200
# So many cost some hundredths of a second.
_MOST_LOOKED_AT = 1_500
_LEAST_LOOKED_AT = 200
# Counting goes no further.
MOST_COUNTED = 10_000
_END: Place = (2**62, "")
# In the statistics mail to the simulator, and mail that was kept here, have names of their own.
_SENT = (Name.SENT, Name.SENT_SIMULATOR)
_DELIVERED = (Name.DELIVERED, Name.DELIVERED_SIMULATOR, Name.CAPTURED)

_read_list = msgspec.json.Decoder(list[str]).decode


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the list is narrowed by; an empty value narrows nothing. stats/terms.py says what fits.

    `tag` is `name=value` or `name`; `since` and `until` are times of acceptance; `after` is the `next` of the page
    before.
    """

    account: str = ""
    region: str = ""
    tenant: str = ""
    recipient: str = ""
    sender: str = ""
    subject: str = ""
    tag: str = ""
    message_id: str = ""
    status: str = ""
    since: Millis = 0
    until: Millis = 0
    after: str = ""
    limit: int = 50


class Recipient(msgspec.Struct, frozen=True):
    """A recipient and what is known of their fate; `captured` mail was kept here instead of being sent."""

    address: str
    status: str
    changed_at: Millis
    captured: bool


class Summary(msgspec.Struct, frozen=True):
    """One line of the list."""

    message_id: str
    account: str
    region: str
    accepted_at: Millis
    operation: str
    configuration_set: str
    sender: str
    subject: str
    size: int
    recipients: list[Recipient]

    @property
    def captured(self) -> bool:
        return any(recipient.captured for recipient in self.recipients)


class Page(msgspec.Struct, frozen=True):
    """`next` asks for the following page; None when this is the last one.

    Where little fits, a page ends before it is full: `looked_back_to` says how far it came.
    """

    messages: list[Summary]
    next: str | None
    looked_back_to: Millis | None = None


async def page(store: Store, wanted: Wanted) -> Page:
    """Return one page, newest first; Invalid when a filter cannot be understood."""
    sought, before = _sought(wanted), _read_place(wanted.after) if wanted.after else _END
    if wanted.until:
        before = min(before, (wanted.until, ""))
    return await store.read(_page, wanted, sought, before, min(max(wanted.limit, 1), MOST_ON_A_PAGE))


class Number(msgspec.Struct, frozen=True):
    """How many recipients, or that there are so many and more."""

    recipients: int
    or_more: bool = False


async def count_by_state(store: Store, wanted: Wanted, now: Millis) -> dict[str, Number]:
    """Return how many recipients are in each state, and under "" in any; of filters, time alone narrows.

    Most are delivered, and nobody goes through them: all, and those delivered, are numbers of the statistics, and left
    out where their steps do not fit the time.
    """
    return await store.read(_count_by_state, wanted, now)


def summary_of(row: MessageRow, recipients: Iterable[RecipientRow], captured: frozenset[str]) -> Summary:
    return Summary(
        message_id=row.message_id,
        account=row.account,
        region=row.region,
        accepted_at=row.accepted_at,
        operation=row.operation,
        configuration_set=row.configuration_set,
        sender=decode_text(row.sender),
        subject=decode_text(row.subject),
        size=row.size,
        recipients=[Recipient(one.address, one.state, one.changed_at, one.address in captured) for one in recipients],
    )


def _sought(wanted: Wanted) -> Sought:
    if wanted.status and wanted.status not in STATES:
        raise Invalid(f"no status is called {wanted.status!r}; there are {', '.join(STATES)}")
    needles = terms.tenant_needles(wanted.tenant) if wanted.tenant else []
    needles += terms.from_needles(wanted.sender)
    if subject := wanted.subject.strip():
        needles += terms.subject_needles(subject)
    if tag := wanted.tag.strip():
        needles += terms.tag_needles(tag)
    return Sought(needles, terms.to_needles(wanted.recipient), wanted.status, wanted.since)


def _scopes(wanted: Wanted) -> Plan[list[Scope]]:
    return [
        scope
        for scope in (yield from messages.scopes())
        if wanted.account in ("", scope.account) and wanted.region in ("", scope.region)
    ]


def _count_by_state(wanted: Wanted, now: Millis) -> Plan[dict[str, Number]]:
    counted = dict.fromkeys((state for state in STATES if state != messages.DELIVERED), 0)
    scopes = yield from _scopes(wanted)
    for scope in scopes:
        for state, known in counted.items():
            asked = (scope, state, wanted.since, wanted.until or _END[0], MOST_COUNTED - known)
            counted[state] += yield from messages.count_in_state(*asked)
    numbers = {state: Number(known, known >= MOST_COUNTED) for state, known in counted.items()}
    told = yield from _told(scopes, wanted, now)
    if told is None:
        return numbers
    others = sum(counted.values())
    everybody = max(sum(told[name] for name in _SENT), others)  # the newest are not in the statistics yet
    is_exact = not any(number.or_more for number in numbers.values())
    delivered = everybody - others if is_exact else sum(told[name] for name in _DELIVERED)
    return {"": Number(everybody), messages.DELIVERED: Number(delivered), **numbers}


def _told(scopes: Sequence[Scope], wanted: Wanted, now: Millis) -> Plan[Counter[str] | None]:
    """Return what statistics say of the mail of a time that is still there, by name."""
    fitting = (step for step in (DAY, HOUR, MINUTE) if wanted.since % step == 0 == wanted.until % step)
    step = next(fitting, None)
    if step is None or (step == MINUTE and wanted.since < now - MINUTES_KEPT):
        return None
    told: Counter[str] = Counter()
    for scope in scopes:
        if bounds := (yield from messages.first_and_last(scope)):
            since = max(wanted.since, bounds[0] - bounds[0] % step)
            told.update((yield from counters.totals(scope, ACCOUNT, "", step, since, wanted.until or _END[0])))
    return told


def _page(wanted: Wanted, sought: Sought, before: Place, limit: int) -> Plan[Page]:
    scopes = yield from _scopes(wanted)
    if wanted.message_id:
        found = [(yield from _with_id(scopes, sought, wanted.message_id, before))]
    else:
        most = max(_LEAST_LOOKED_AT, _MOST_LOOKED_AT // max(1, len(scopes)))
        found = []
        for scope in scopes:  # the indexes lead with them
            found.append((yield from message_search.search(scope, sought, before, limit + 1, most)))
    # Where one search has stopped, what others found further back is not yet the next.
    left = max((one.left for one in found if one.left), default=None)
    matches = [match for one in found for match in one.matches if left is None or match.place >= left]
    matches.sort(key=lambda match: match.place, reverse=True)
    shown = matches[:limit]
    captured = yield from outgoing.captures_of_many([match.message.message_id for match in shown])
    listed = [summary_of(*match, _captured(captured, match.message.message_id)) for match in shown]
    if len(matches) > limit:
        return Page(listed, _write_place(shown[-1].place))
    return Page(listed, _write_place(left) if left else None, left[0] if left else None)


def _with_id(scopes: Sequence[Scope], sought: Sought, text: str, before: Place) -> Plan[Found]:
    """Return the message with an id, which may be written as in its Message-ID."""
    message_id = text.strip().strip("<>").partition("@")[0].replace("\0", "")
    match: Match | None = yield from message_search.one(sought, message_id)
    is_there = match is not None and match.message.scope in scopes and match.place < before
    return Found([match] if match and is_there else [], None)


def _captured(captures: Mapping[str, Sequence[str]], message_id: str) -> frozenset[str]:
    return frozenset(address for listed in captures.get(message_id, ()) for address in _read_list(listed))


def _write_place(place: Place) -> str:
    return f"{place[0]}.{place[1]}"


def _read_place(text: str) -> Place:
    at, _, message_id = text.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        raise Invalid("`after` is not the `next` of a page")
    return int(at), message_id.replace("\0", "")
