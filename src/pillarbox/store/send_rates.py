"""What is left of the rates at which accounts may send, shared by all processes.

Plans only. Called by sending/admission.py, which decides while it holds the
rows, so that processes decide one after the other.
"""

from collections.abc import Collection
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Plan, Rows


class Allowance(NamedTuple):
    """How many recipients might be addressed at a moment; below zero is a debt."""

    remaining: float
    counted_at: Millis


def hold(scopes: Collection[Scope]) -> Plan[dict[Scope, Allowance]]:
    """Return what is left of each (at first nothing, long ago), and let nobody else decide until this is written."""
    held = {}
    for scope in sorted(scopes):  # in one order, so that two transactions never wait for each other in a circle
        yield Rows(
            "INSERT INTO send_rates (account, region, remaining, counted_at) VALUES (?, ?, 0, 0)"
            " ON CONFLICT (account, region) DO NOTHING",
            scope,
        )
        rows = yield Rows(
            "SELECT remaining, counted_at FROM send_rates WHERE account = ? AND region = ? /*pg: FOR UPDATE */", scope
        )
        held[scope] = Allowance(*rows[0])
    return held


def put(scope: Scope, left: Allowance) -> Plan[None]:
    """Write what is left of one that is held."""
    yield Rows("UPDATE send_rates SET remaining = ?, counted_at = ? WHERE account = ? AND region = ?", (*left, *scope))
