"""What is left of the rates at which operations may be called, shared by all processes.

Plans only. Called by edge/control_rate.py, which decides while it holds the row,
so that processes decide one after the other.
"""

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Plan, Rows
from pillarbox.store.send_rates import Allowance


def hold(scope: Scope, operation: str) -> Plan[Allowance]:
    """Return what is left (at first nothing, long ago), and let nobody else decide until this is written."""
    rows = yield Rows(
        "INSERT INTO call_rates (account, region, operation, remaining, counted_at) VALUES (?, ?, ?, 0, 0)"
        " ON CONFLICT (account, region, operation) DO UPDATE SET remaining = call_rates.remaining"
        " RETURNING remaining, counted_at",
        (*scope, operation),
    )
    return Allowance(*rows[0])


def put(scope: Scope, operation: str, left: Allowance) -> Plan[None]:
    """Write what is left of one that is held."""
    yield Rows(
        "UPDATE call_rates SET remaining = ?, counted_at = ? WHERE account = ? AND region = ? AND operation = ?",
        (*left, *scope, operation),
    )


def forget(before: Millis, most: int) -> Plan[None]:
    """Forget the oldest that were counted before, which nobody holds; they are whole again."""
    yield Rows(
        "DELETE FROM call_rates WHERE (account, region, operation) IN"
        " (SELECT account, region, operation FROM call_rates WHERE counted_at < ? ORDER BY counted_at LIMIT ?"
        " /*pg: FOR UPDATE SKIP LOCKED */)",
        (before, most),
    )
