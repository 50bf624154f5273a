"""What an upstream says of its quota becomes the pace of mail that goes there, over both stores."""

from typing import Any

import pytest

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.pace import opens_at, rate_of
from pillarbox.delivery.transport.ses_client import Answer
from pillarbox.delivery.transport.ses_quota import begin, note, note_failure, quota_of
from pillarbox.kit.clock import MINUTE
from pillarbox.resources import upstreams
from pillarbox.resources.account import TOLD_FOR_NO_LIMIT
from pillarbox.resources.upstreams import Quota
from pillarbox.settings import UpstreamSetting
from pillarbox.store import pace
from pillarbox.store.engine import Store
from pillarbox.store.pace import Limits
from tests.support.clock import NOON


def told(sent: float = 0.0, most: float = 200.0, rate: float = 14.0) -> Quota:
    quota = {"MaxSendRate": rate, "Max24HourSend": most, "SentLast24Hours": sent}
    return quota_of(Answer(200, "", "", {"SendQuota": quota, "ProductionAccessEnabled": False}), NOON)


def upstream(**settings: Any) -> Any:
    return upstream_of(UpstreamSetting(name="eu", region="eu-west-1", **settings))


async def limits_of(store: Store) -> Limits:
    (limits,) = await store.read(pace.every)
    return limits


async def test_before_its_quota_is_known_mail_goes_at_the_rate_of_the_sandbox(store: Store) -> None:
    await store.write(begin, [upstream()])
    assert rate_of(await limits_of(store)) == 1.0

    await store.write(note, upstream(), told(), NOON)
    assert rate_of(await limits_of(store)) == 14.0
    await store.write(begin, [upstream()])
    assert rate_of(await limits_of(store)) == 14.0, "a restart forgets nothing"


@pytest.mark.parametrize(
    ("ours", "theirs", "rate"),
    [(5.0, 14.0, 5.0), (50.0, 14.0, 14.0), (5.0, -1.0, 5.0), (0.0, -1.0, 0.0), (5.0, 1e6, 5.0), (0.0, 1e6, 0.0)],
)
async def test_the_lower_rate_holds(store: Store, ours: float, theirs: float, rate: float) -> None:
    await store.write(note, upstream(max_send_rate=ours), told(rate=theirs), NOON)

    assert rate_of((await store.read(pace.every) or [Limits("ses", "eu")])[0]) == rate


async def test_a_pace_that_nothing_limits_is_still_so_after_a_restart(store: Store) -> None:
    await store.write(begin, [upstream()])
    await store.write(note, upstream(), told(rate=TOLD_FOR_NO_LIMIT), NOON)
    await store.write(begin, [upstream()])
    assert rate_of(await limits_of(store)) == 0.0


async def test_a_quota_that_is_used_up_holds_and_one_that_is_free_lets_go(store: Store) -> None:
    await store.write(note, upstream(), told(sent=200), NOON)
    held = await limits_of(store)
    assert opens_at(held) > NOON + MINUTE, "beyond the next look"
    assert held.held_why == "upstream eu has used up the quota of its day: 200 of 200 recipients in 24 hours"

    await store.write(note, upstream(), told(sent=199), NOON + MINUTE)
    assert opens_at(await limits_of(store)) == 0


async def test_where_there_is_another_way_nothing_is_held(store: Store) -> None:
    await store.write(note, upstream(fallback="us"), told(sent=200), NOON)

    assert opens_at(await limits_of(store)) == 0


async def test_a_quota_without_an_end_is_never_used_up(store: Store) -> None:
    await store.write(note, upstream(), told(sent=1e9, most=-1.0), NOON)

    assert opens_at(await limits_of(store)) == 0


async def test_when_it_cannot_be_asked_what_is_known_goes_on_to_hold(store: Store) -> None:
    await store.write(note, upstream(), told(sent=7), NOON)
    seen = await store.write(note_failure, "eu", "no connection", NOON + MINUTE)

    assert (seen.failure, seen.sent_last_24_hours, seen.looked_at) == ("no connection", 7.0, NOON)
    assert seen.look_again_at == NOON + 2 * MINUTE
    assert await store.read(upstreams.quota, "eu") == seen
    assert rate_of(await limits_of(store)) == 14.0


@pytest.mark.parametrize("content", [{}, {"SendQuota": {}}, {"SendQuota": None}, {"SendQuota": {"MaxSendRate": "x"}}])
def test_an_answer_without_a_quota_is_none(content: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        quota_of(Answer(200, "", "", content), NOON)
