"""What operators ask of the statistics where no server runs."""

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.kit.secrets import Keyring
from pillarbox.operate import statistics
from pillarbox.operate.desk import Desk
from pillarbox.operate.statistics import Asked
from pillarbox.store import audit
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock
from tests.support.filled import NOON, Mailroom
from tests.support.promises import SCOPE


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store, Keyring({"1": bytes(32)}), StandingClock(NOON + 60_000))


async def test_without_a_server_everything_is_counted_before_the_answer(desk: Desk) -> None:
    room = Mailroom(desk.store)
    for _ in range(3):
        await room.deliver(await room.accept("ada@gmail.com"))
    assert await statistics.still_to_count(desk) == 6

    assert await statistics.count_again(desk) == 0

    found = await statistics.report(desk, Asked(dimension="provider"))
    assert found.whole.totals == {"sent": 3, "delivered": 3}
    assert [(one.member, one.rates.delivery) for one in found.members] == [("google", 1.0)]
    one = await statistics.report(desk, Asked(dimension="provider", member="google"))
    assert (one.whole.totals, one.members) == ({"sent": 3, "delivered": 3}, [])


async def test_what_operators_change_is_told_in_the_audit_log(desk: Desk) -> None:
    await statistics.count_by_tag(desk, SCOPE, "customer")
    await statistics.stop_counting_by_tag(desk, SCOPE, "customer")
    await statistics.count_again(desk)

    told = await desk.store.read(audit.newest, "", 10)

    assert [(row.action, row.subject) for row in told] == [
        ("stats.rebuild", ""),
        ("stats.untag", "customer"),
        ("stats.tag", "customer"),
    ]


@pytest.mark.parametrize("asked", [Asked(span="week"), Asked(dimension="weather")])
async def test_what_is_not_counted_cannot_be_asked(desk: Desk, asked: Asked) -> None:
    with pytest.raises(Invalid, match="there are"):
        await statistics.report(desk, asked)
