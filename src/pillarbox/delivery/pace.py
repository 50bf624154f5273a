"""Which lanes may send how much in this round.

Pure. Called by the worker before it claims. Room is shared between accounts
first and then between the lanes of each, so that a big send of one account
does not delay a small one of another; who comes first rotates with `turn`.
"""

from collections.abc import Mapping, Sequence


def share(lanes: Sequence[str], room: int, turn: int) -> Mapping[str, int]:
    """Return how many rows each lane may claim; at most `room` in all."""
    by_account: dict[str, list[str]] = {}
    for lane in lanes:
        by_account.setdefault(lane.partition("/")[0], []).append(lane)
    budgets: dict[str, int] = {}
    for account, portion in _divided(sorted(by_account), room, turn).items():
        budgets.update(_divided(by_account[account], portion, turn))
    return {lane: budget for lane, budget in budgets.items() if budget}


def _divided(names: Sequence[str], room: int, turn: int) -> dict[str, int]:
    if not names:
        return {}
    start = turn % len(names)
    rotated = [*names[start:], *names[:start]]
    each, rest = divmod(room, len(names))
    return {name: each + (place < rest) for place, name in enumerate(rotated)}
