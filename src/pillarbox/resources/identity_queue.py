"""Which identity's DNS is to be looked at next: a queue in the order of time.

Plans over documents of one kind whose names begin with their time. Kept in
step by resources/identities.py, in the transaction that changes the identity;
emptied by upkeep/identity_checks.py.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import nouns
from pillarbox.store.plan import Plan, Touch

TOPIC = "identity-queue"
_HERE = (Scope("", ""), "identity-queue")


class Entry(NamedTuple):
    """One identity that is due."""

    at: Millis
    scope: Scope
    name: str


def move(scope: Scope, name: str, before: Millis | None, after: Millis | None, now: Millis) -> Plan[None]:
    """Give an identity another time, or with None none at all."""
    if before == after:
        return
    if before is not None:
        yield from nouns.delete(*_HERE, _key(Entry(before, scope, name)))
    if after is not None:
        yield from nouns.create(*_HERE, _key(Entry(after, scope, name)), "{}", now)
        yield Touch(TOPIC)


def first(limit: int) -> Plan[list[Entry]]:
    """Return those that are due first."""
    found = yield from nouns.list_by_name(*_HERE, "", limit)
    return [_entry(noun.name) for noun in found]


def _key(entry: Entry) -> str:
    return f"{entry.at:014d}/{entry.scope.account}/{entry.scope.region}/{entry.name}"


def _entry(key: str) -> Entry:
    at, account, region, name = key.split("/", 3)
    return Entry(int(at), Scope(account, region), name)
