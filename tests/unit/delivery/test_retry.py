"""Waits grow, level off and end."""

import pytest

from pillarbox.delivery.retry import GIVE_UP_AFTER, next_attempt_at
from pillarbox.kit.clock import HOUR, MINUTE

NOON = 1_790_000_000_000


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (9, 60)])
def test_waits_grow_then_level_off(attempts: int, minutes: int) -> None:
    waits = [(next_attempt_at(f"m{number}", NOON, attempts, NOON) or 0) - NOON for number in range(100)]

    assert min(waits) >= minutes * MINUTE, "never sooner than the step"
    assert max(waits) < minutes * MINUTE * 1.25
    assert max(waits) - min(waits) > minutes * MINUTE / 8, "what failed together does not come back together"


def test_the_same_question_has_the_same_answer() -> None:
    assert next_attempt_at("m/0", NOON, 3, NOON) == next_attempt_at("m/0", NOON, 3, NOON)


@pytest.mark.parametrize("limit", [GIVE_UP_AFTER, HOUR, MINUTE // 2])
def test_the_last_try_is_made_when_the_time_for_trying_ends(limit: int) -> None:
    assert next_attempt_at("m", NOON, 9, NOON + limit - 1, limit) == NOON + limit
    assert next_attempt_at("m", NOON, 9, NOON + limit, limit) is None
