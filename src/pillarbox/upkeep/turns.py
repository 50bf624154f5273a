"""Whose turn it is: of all processes one does a piece of periodic work at a time.

Plans. A turn is a lease: who has it renews it while working, and when its
holder dies the next one waits for its end. Called by runner.py.
"""

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

_HERE = (Scope("", ""), "upkeep-turn")


def take(duty: str, holder: str, now: Millis, until: Millis) -> Plan[bool]:
    """Take a turn or renew one's own, and say whether it could be had."""
    mine = f"{until} {holder}"
    if (yield from nouns.create(*_HERE, duty, mine, now)):
        return True
    taken: list[bool] = []

    def edit(turn: str) -> str:
        ends, _, other = turn.partition(" ")
        taken.append(other == holder or int(ends) <= now)
        return mine if taken[0] else turn

    yield from nouns.change(*_HERE, duty, edit, now)
    return taken == [True]


def end(duty: str, holder: str, now: Millis) -> Plan[None]:
    """Give a turn back, if it is still this holder's."""
    yield from nouns.change(*_HERE, duty, lambda turn: f"0 {holder}" if turn.endswith(f" {holder}") else turn, now)
