"""What is compared over a year is added up by four weeks, and says the same as its days."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.clock import DAY, HOUR, Millis
from pillarbox.stats import query
from pillarbox.stats.follow import count
from pillarbox.stats.query import Line, Whose
from pillarbox.stats.spans import FOUR_WEEKS, SPANS, Span, span_of, stretches
from pillarbox.store import messages
from tests.support.in_memory import InMemory
from tests.unit.events.examples import FACTS, KINDS, SCOPE, event, message, recipients

NOW: Millis = 20_000 * DAY + 12 * HOUR
TENANTS, DAYS = 12, 400


@pytest.fixture(scope="module")
def past() -> Iterator[InMemory]:
    """Twelve tenants; the first sends one mail on each day, the second two, and so on."""
    made = InMemory()
    for number in range(TENANTS):
        facts = msgspec.structs.replace(FACTS, recipients=["a@x.example"], tenant=f"tenant-{number:02}")
        row = message(facts, message_id=f"m-{number}")
        made.run(messages.add([row], recipients(row)))
    for day in range(DAYS):
        sent = [event(KINDS["send"], message_id=f"m-{number}", at=NOW - day * DAY) for number in range(TENANTS)]
        made.run(count([one for number, one in enumerate(sent) for _ in range(number + 1)]))
    yield made
    made.close()


def _compared(past: InMemory, span: Span) -> list[Line]:
    lines: list[Line] = past.run(query.members(Whose(SCOPE.account), "tenant", span, most=TENANTS))
    return lines


@pytest.mark.parametrize("last", ["30d", "1y"])
def test_members_have_the_sums_of_all_days_of_the_span(past: InMemory, last: str) -> None:
    days = SPANS[last][0] // DAY

    found = {line.member: line.totals["sent"] for line in _compared(past, span_of(last, NOW))}

    assert found == {f"tenant-{number:02}": (number + 1) * days for number in range(TENANTS)}


def test_a_year_of_many_costs_little_more_than_a_month(past: InMemory) -> None:
    year = past.steps_of(lambda: _compared(past, span_of("1y", NOW)))
    month = past.steps_of(lambda: _compared(past, span_of("30d", NOW)))

    assert year < 5 * month, "a year has twelve times as many days"


@given(st.sampled_from(sorted(SPANS)), st.integers(0, 40_000 * 24))
def test_a_span_is_read_in_parts_that_are_the_whole_and_fit_their_steps(last: str, hours: int) -> None:
    span = span_of(last, hours * HOUR)

    parts = stretches(span)

    assert (parts[0].since, parts[-1].until) == (span.since, span.until)
    assert all(one.until == other.since for one, other in pairwise(parts))
    assert all(one.since < one.until and one.since % one.step == one.until % one.step == 0 for one in parts)
    steps = Counter({one.step: (one.until - one.since) // one.step for one in parts})
    assert last != "1y" or (steps[FOUR_WEEKS] >= 12 and steps[DAY] < 2 * 28)
