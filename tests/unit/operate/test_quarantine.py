"""What nobody could read is shown with its reason, and read again when the reason is gone."""

import json

from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.operate.desk import Desk
from pillarbox.operate.quarantine import list_all, read_again
from pillarbox.store import events, quarantine
from pillarbox.store.engine import Store
from pillarbox.store.quarantine import QuarantineRow
from tests.support.clock import StandingClock
from tests.support.far_sns import sample

HERE = Scope("111111111111", "us-east-1")
UNREADABLE = QuarantineRow("aws", "post-1/0", *HERE, 10, "it is not JSON", "no event at all")
READABLE = QuarantineRow("aws", "post-2/0", *HERE, 20, "open.timestamp is no time", json.dumps(sample("open")))


def _desk(store: Store) -> Desk:
    return Desk(store, Keyring({"1": bytes(32)}), StandingClock())


async def test_it_is_listed_oldest_first_with_what_came(store: Store) -> None:
    for row in (READABLE, UNREADABLE):
        await store.write(quarantine.put, row)

    listed = await list_all(_desk(store))
    assert [(one.post_id, one.why) for one in listed] == [
        ("post-1/0", "it is not JSON"),
        ("post-2/0", "open.timestamp is no time"),
    ]
    assert listed[0].content == "no event at all"
    assert await list_all(_desk(store), "another") == []
    assert len(await list_all(_desk(store), most=1)) == 1


async def test_what_still_cannot_be_recorded_stays_and_keeps_nothing_else_there(store: Store) -> None:
    halved = sample("send")
    halved["mail"]["source"] = "half a pair: \ud800"
    for row in (UNREADABLE._replace(content=json.dumps(halved)), READABLE):
        await store.write(quarantine.put, row)

    assert await read_again(_desk(store)) == 1
    assert [one.post_id for one in await list_all(_desk(store))] == ["post-1/0"]


async def test_what_can_be_read_now_goes_into_the_event_log_and_the_rest_stays(store: Store) -> None:
    for row in (UNREADABLE, READABLE):
        await store.write(quarantine.put, row)

    assert await read_again(_desk(store), "another") == 0
    assert await read_again(_desk(store)) == 1
    assert [one.post_id for one in await list_all(_desk(store))] == ["post-1/0"]
    told = await store.read(events.of_message, sample("open")["mail"]["messageId"])
    assert [(row.kind, row.account) for row in told] == [("Open", "111111111111")]
    assert await read_again(_desk(store)) == 0
