"""The turns of subscriptions whose delivery policy says how often they may be posted to, shared by all processes.

Plans only. Taken by pubsub/attempts.py with the claim of what is to be posted;
forgotten by upkeep/retention.py when nobody has asked for long.
"""

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Rows

_KEY = "account = ? AND region = ? AND subscription = ?"


def take(scope: Scope, subscription: str, per_second: int, most: int, now: Millis, until: Millis) -> Plan[list[Millis]]:
    """Take the next turns, at most so many and none after `until`; nobody else gets the same ones."""
    key = (*scope, subscription)
    yield Rows(
        "INSERT INTO subscription_turns (account, region, subscription, next_at) VALUES (?, ?, ?, 0)"
        " ON CONFLICT (account, region, subscription) DO NOTHING",
        key,
    )
    rows = yield Rows(f"SELECT next_at FROM subscription_turns WHERE {_KEY} /*pg: FOR UPDATE */", key)
    first, apart = max(float(now), rows[0][0]), SECOND / per_second
    turns = [turn for turn in (first + number * apart for number in range(most)) if turn <= until]
    if turns:
        yield Rows(f"UPDATE subscription_turns SET next_at = ? WHERE {_KEY}", (turns[-1] + apart, *key))
    return [round(turn) for turn in turns]


def forget(before: Millis, most: int) -> Plan[int]:
    """Forget turns that were over before a time, which limit nobody any more."""
    rows = yield Rows(
        "SELECT account, region, subscription FROM subscription_turns WHERE next_at < ? LIMIT ? /*pg: FOR UPDATE */",
        (before, most),
    )
    yield Many(f"DELETE FROM subscription_turns WHERE {_KEY}", rows)
    return len(rows)
