"""Which accounts and regions a large table has rows of, found by stepping from one to the next.

Plans only. Called by the modules of tables whose key, or an index, leads with
account and region.
"""

from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Plan, Rows


def scopes_in(table: str) -> Plan[list[Scope]]:
    """Return every account and region, in order, at the cost of two looks for each."""
    found: list[Scope] = []
    # In one condition on both, `(account, region) > (?, ?)`, SQLite goes through all that is of the last one.
    # https://www.sqlite.org/rowvalue.html
    next_region = f"SELECT account, region FROM {table} WHERE account = ? AND region > ? ORDER BY region LIMIT 1"
    next_account = f"SELECT account, region FROM {table} WHERE account > ? ORDER BY account, region LIMIT 1"
    last = Scope("", "")
    while rows := (yield Rows(next_region, last)) or (yield Rows(next_account, last[:1])):
        last = Scope(*rows[0])
        found.append(last)
    return found
