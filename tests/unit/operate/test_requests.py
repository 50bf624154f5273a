"""What operators ask for, as the admin socket and the command line ask for it."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.operate import keys, requests
from pillarbox.operate.desk import Desk
from pillarbox.operate.requests import answer
from pillarbox.operate.tail import Tail
from pillarbox.resources import credentials, identities
from pillarbox.store import notifications
from pillarbox.store.engine import Store
from pillarbox.store.notifications import DeliveryRow
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.support.filled import NOON, Mailroom
from tests.support.waiting import posts_due


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store, Keyring({"1": bytes(32)}), StandingClock(NOON), "http://localhost:8025", dev=True)


async def test_a_key_signs_until_it_is_revoked(desk: Desk) -> None:
    pair = await answer(desk, requests.CreateKey("123456789012", "ada"))
    assert await desk.store.read(credentials.load_secret, pair.key_id, desk.keyring) == pair.secret
    [key] = await answer(desk, requests.ListKeys())
    assert (key.key_id, key.user_name, key.status, key.created_at) == (pair.key_id, "ada", "active", NOON)
    assert await answer(desk, requests.RevokeKey(pair.key_id)) is None
    assert await desk.store.read(credentials.load_secret, pair.key_id, desk.keyring) is None
    [key] = await answer(desk, requests.ListKeys())
    assert key.status == "revoked"


async def test_the_first_key_is_made_once(desk: Desk) -> None:
    first = await keys.create_first(desk)
    assert first is not None and first.account == keys.FIRST_ACCOUNT
    assert await keys.create_first(desk) is None


async def test_an_account_that_is_none_is_refused(desk: Desk) -> None:
    with pytest.raises(Invalid):
        await answer(desk, requests.CreateKey("me", "ada"))
    with pytest.raises(NotFound):
        await answer(desk, requests.RevokeKey("AKIANOSUCHKEY"))


async def test_an_identity_is_verified_on_the_operators_word(desk: Desk) -> None:
    scope = Scope("123456789012", "eu-west-1")
    await desk.store.write(identities.verify_domain, scope, "example.org", NOON, False)
    await answer(desk, requests.Vouch("example.com", *scope))
    listed = await answer(desk, requests.ListIdentities())
    assert [(one.name, one.region, one.status, one.verified_by) for one in listed] == [
        ("example.com", "eu-west-1", "Success", "operator"),
        ("example.org", "eu-west-1", "Pending", ""),
    ]
    assert await answer(desk, requests.ListIdentities(region="us-east-1")) == []


async def test_requests_and_answers_travel_as_json(desk: Desk) -> None:
    message_id = await Mailroom(desk.store).accept("ada@example.net")
    request = requests.ShowHistory(message_id)
    assert requests.decode(requests.encode(request)) == request
    found = await answer(desk, request)
    assert msgspec.json.decode(requests.encode(found), type=type(found)) == found
    with pytest.raises(msgspec.ValidationError):
        requests.decode(b'{"request": "drop everything"}')


async def test_replaying_without_dead_letters_says_so(desk: Desk) -> None:
    assert await answer(desk, requests.ListDeadLetters()) == []
    with pytest.raises(NotFound):
        await answer(desk, requests.ReplayDeadLetters())


def dead_delivery(number: int, scope: Scope, topic: str) -> DeliveryRow:
    endpoint, subscription = "http://shop.example/events", f"{topic}:{number}"
    ends = ("dead", NOON + number, NOON, 50, "", "the endpoint answered 500", NOON)
    return DeliveryRow(f"n{number}", subscription, *scope, topic, "http", endpoint, *ends)


async def test_dead_letters_are_listed_newest_first_and_replayed(desk: Desk) -> None:
    here, elsewhere = Scope("123456789012", "us-east-1"), Scope("210987654321", "us-east-1")
    for scope in (here, elsewhere):
        await desk.store.write(identities.vouch, scope, "example.com", NOON)
    rows = [dead_delivery(1, here, "a"), dead_delivery(2, here, "b"), dead_delivery(3, elsewhere, "c")]
    await desk.store.write(notifications.add, [], rows)

    listed = await answer(desk, requests.ListDeadLetters())
    assert [one.notification_id for one in listed] == ["n3", "n2", "n1"]
    assert (listed[0].account, listed[0].why) == ("210987654321", "the endpoint answered 500")
    assert [one.topic for one in await answer(desk, requests.ListDeadLetters(topic="b"))] == ["b"]
    assert len(await answer(desk, requests.ListDeadLetters(most=2))) == 2

    assert await answer(desk, requests.ReplayDeadLetters("n1")) == 1
    assert await answer(desk, requests.ReplayDeadLetters(account="123456789012")) == 1
    assert [one.notification_id for one in await answer(desk, requests.ListDeadLetters())] == ["n3"]
    assert await desk.store.read(posts_due) == 2


async def test_a_tail_tells_what_is_recorded_from_now_on(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    try:
        room = Mailroom(store)
        await room.accept(subject="before")
        following = await Tail(store).follow("123456789012")
        message_id = await room.accept("ada@example.net")
        await room.accept(scope=Scope("210987654321", "us-east-1"))
        await room.deliver(message_id)
        heard = [await asyncio.wait_for(anext(following), 5) for _ in range(2)]
        assert [(one.kind, one.message_id) for one in heard] == [("Send", message_id), ("Delivery", message_id)]
        assert heard[1].recipients == ["ada@example.net"]
    finally:
        await store.close()
