"""Waits grow, level off and end."""

import pytest

from pillarbox.delivery.retry import GIVE_UP_AFTER, next_attempt_at
from pillarbox.kit.clock import MINUTE

NOON = 1_790_000_000_000


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (9, 60)])
def test_waits_grow_then_level_off(attempts: int, minutes: int) -> None:
    assert next_attempt_at(NOON, attempts, NOON) == NOON + minutes * MINUTE


def test_the_last_try_is_not_after_the_time_for_trying() -> None:
    assert next_attempt_at(NOON, 9, NOON + GIVE_UP_AFTER - 60 * MINUTE) == NOON + GIVE_UP_AFTER
    assert next_attempt_at(NOON, 9, NOON + GIVE_UP_AFTER - 60 * MINUTE + 1) is None
