"""When to try a deferred recipient again.

Pure: the clock reading is an argument; nothing is read or written. Called by
delivery/close.py.
"""

from hashlib import blake2b

from pillarbox.kit.clock import HOUR, MINUTE, Millis

STEPS = tuple(minutes * MINUTE for minutes in (1, 5, 15, 30, 60))
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html (MaxDeliverySeconds)
GIVE_UP_AFTER: Millis = 14 * HOUR
_MOST_JITTER = 0.25


def next_attempt_at(
    key: str, first_at: Millis, attempts: int, now: Millis, give_up_after: Millis = GIVE_UP_AFTER
) -> Millis | None:
    """Return when to try again, or None when the time for trying is over.

    `attempts` counts those already made, so it is at least 1. The last try is made when the time ends. Waits are
    up to a quarter longer than their step, by chance that `key` (what is tried) and the attempt decide: mail that
    failed together does not come back together, and asked twice the answer is the same.
    """
    until = expires_at(first_at, give_up_after)
    if now >= until:
        return None
    # Greylisting hosts expect a minute; sooner looks like an attack. So waits are only ever made longer.
    wait = STEPS[min(attempts, len(STEPS)) - 1]
    return min(now + wait + int(wait * _MOST_JITTER * _chance(f"{key}/{attempts}")), until)


def expires_at(first_at: Millis, give_up_after: Millis = GIVE_UP_AFTER) -> Millis:
    return first_at + give_up_after


def _chance(text: str) -> float:
    """Return a number from 0 to below 1 that a text always gives again."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / 2**32
