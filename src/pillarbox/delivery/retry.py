"""When to try a deferred recipient again.

Pure: the clock reading is an argument; nothing is read or written. Called by
delivery/close.py.
"""

from pillarbox.kit.clock import HOUR, MINUTE, Millis

STEPS = tuple(minutes * MINUTE for minutes in (1, 5, 15, 30, 60))
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html (MaxDeliverySeconds)
GIVE_UP_AFTER: Millis = 14 * HOUR


def next_attempt_at(first_at: Millis, attempts: int, now: Millis) -> Millis | None:
    """Return when to try again, or None when the time for trying is over.

    `attempts` counts those already made, so it is at least 1.
    """
    due_at = now + STEPS[min(attempts, len(STEPS)) - 1]
    return due_at if due_at <= first_at + GIVE_UP_AFTER else None


def expires_at(first_at: Millis) -> Millis:
    return first_at + GIVE_UP_AFTER
