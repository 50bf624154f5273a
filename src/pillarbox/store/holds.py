"""What operators have paused.

Plans only. Written by operate/queue.py; read by delivery/pacer.py in every
process, which looks again within a second.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.store.plan import Plan, Rows, Touch

ACCOUNT, CONFIGURATION_SET, PROVIDER, MESSAGE = "account", "configuration-set", "provider", "message"


class Hold(NamedTuple):
    """`account` is empty where every one is meant; `name` is that of the set, provider or message."""

    kind: str
    account: str
    name: str
    why: str
    held_at: Millis


def every() -> Plan[list[Hold]]:
    rows = yield Rows("SELECT kind, account, name, why, held_at FROM holds ORDER BY held_at, kind, account, name")
    return [Hold(*row) for row in rows]


def put(hold: Hold) -> Plan[None]:
    """Pause; a reason that was given before is replaced."""
    yield Rows(
        "INSERT INTO holds (kind, account, name, why, held_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (kind, account, name) DO UPDATE SET why = excluded.why, held_at = excluded.held_at",
        hold,
    )
    yield Touch("pace")


def lift(kind: str, account: str, name: str) -> Plan[bool]:
    """Resume, and say whether it was paused."""
    rows = yield Rows(
        "DELETE FROM holds WHERE kind = ? AND account = ? AND name = ? RETURNING kind", (kind, account, name)
    )
    yield Touch("pace")
    yield Touch("outgoing")
    return bool(rows)


def still_there(hold: Hold) -> Plan[bool]:
    """Whether something is paused still; it stays so until this transaction ends."""
    rows = yield Rows(
        "SELECT kind FROM holds WHERE kind = ? AND account = ? AND name = ? /*pg: FOR UPDATE */", hold[:3]
    )
    return bool(rows)
