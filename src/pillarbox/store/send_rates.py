"""What is left of the rates at which accounts may send, shared by all processes.

Plans only. Called by sending/accept.py, which decides; the row is locked
meanwhile, so that processes decide one after the other.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Plan, Rows, first

T = TypeVar("T")


class Allowance(NamedTuple):
    """How many recipients might be addressed at a moment; below zero is a debt."""

    remaining: float
    counted_at: Millis


def change(scope: Scope, start: Allowance, decide: Callable[[Allowance], tuple[Allowance, T]]) -> Plan[T]:
    """Replace what is left (at first `start`) by what `decide` makes of it, and return its answer."""
    yield Rows(
        "INSERT INTO send_rates (account, region, remaining, counted_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (account, region) DO NOTHING",
        (*scope, *start),
    )
    row = first(
        (
            yield Rows(
                "SELECT remaining, counted_at FROM send_rates WHERE account = ? AND region = ? /*pg: FOR UPDATE */",
                scope,
            )
        )
    )
    assert row is not None
    before = Allowance(*row)
    after, answer = decide(before)
    if after != before:
        yield Rows(
            "UPDATE send_rates SET remaining = ?, counted_at = ? WHERE account = ? AND region = ?", (*after, *scope)
        )
    return answer
