"""The worker over a real store, with a transport that does as it is told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused
from pillarbox.delivery.retry import GIVE_UP_AFTER
from pillarbox.delivery.route import RouteTable
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.worker import LEASE, Worker
from pillarbox.kit.clock import MINUTE, SECOND
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.resources import configuration_sets, suppression
from pillarbox.resources.configuration_set_options import Delivery
from pillarbox.sending.accept import keep_promises
from pillarbox.sending.system_mail import SystemMail
from pillarbox.sending.system_mail import promise as promise_system_mail
from pillarbox.store import events, messages, outgoing, pace
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.support.preparer import preparer_of
from tests.support.promises import SCOPE, draft, promise

NOON = 1_790_000_000_000


class ToldTransport:
    """Gives the outcomes it was told, then 250; fails or stalls when asked to."""

    name = "capture"

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.outcomes: list[Mapping[str, Outcome]] = []
        self.failure: Exception | None = None
        self.stalled: asyncio.Event | None = None

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        self.attempts.append(attempt)
        if self.stalled is not None:
            await self.stalled.wait()
        if self.failure is not None:
            raise self.failure
        return self.outcomes.pop(0) if self.outcomes else dict.fromkeys(attempt.recipients, Delivered("250 ok"))


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Store]:
    store = await SqliteStore.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NOON)


@pytest.fixture
def transport() -> ToldTransport:
    return ToldTransport()


def worker_of(store: Store, transport: ToldTransport, clock: StandingClock) -> Worker:
    return Worker(store, {transport.name: transport}, EicarScanner(), preparer_of(store, clock), clock)


async def promised(store: Store, *recipients: str, text: str = "Hello.") -> str:
    made = promise(draft(*recipients, text=text), NOON)
    assert await store.commit(keep_promises, made) is None
    return made.message.message_id


async def promised_in(store: Store, delivery: Delivery) -> str:
    """Promise a message with a configuration set that says how it is delivered."""
    await store.write(partial(configuration_sets.create, delivery=delivery), SCOPE, "set", NOON)
    made = promise(draft("a@example.net", configuration_set="set"), NOON)
    assert await store.commit(keep_promises, made) is None
    return made.message.message_id


async def kinds(store: Store, message_id: str) -> list[str]:
    return [event.kind for event in await store.read(events.of_message, message_id)]


async def states(store: Store, message_id: str) -> dict[str, str]:
    return {row.address: row.state for row in await store.read(messages.recipients_of, message_id)}


async def test_due_mail_is_delivered_and_leaves_the_queue(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised(kept, "a@example.net")

    assert await worker_of(kept, transport, clock).step()

    assert await kinds(kept, message_id) == ["Send", "Delivery"]
    assert await states(kept, message_id) == {"a@example.net": "delivered"}
    assert await kept.read(outgoing.size) == 0
    (attempt,) = transport.attempts
    assert b"\r\nMessage-ID: <" + message_id.encode() + b"@email.mail.example.org>\r\n" in b"\r\n" + attempt.data
    assert b"\r\nDate: " in b"\r\n" + attempt.data


async def test_a_configuration_set_says_whether_its_mail_needs_tls_also_while_it_waits(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    await promised_in(kept, Delivery(tls_required=True))
    transport.outcomes = [{"a@example.net": Deferred("busy", "451 4.3.2 busy")}]
    worker = worker_of(kept, transport, clock)
    await worker.step()
    await kept.write(configuration_sets.set_tls_required, SCOPE, "set", False, NOON)
    clock.at += 2 * MINUTE
    await worker.step()
    assert [attempt.tls_required for attempt in transport.attempts] == [True, False]


async def test_a_configuration_set_says_for_how_long_its_mail_is_tried(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised_in(kept, Delivery(most_seconds=300))
    transport.outcomes = [{"a@example.net": Deferred("busy", "451 4.3.2 busy")}] * 3
    worker = worker_of(kept, transport, clock)
    for _ in range(3):
        await worker.step()
        clock.at += 5 * MINUTE
    assert await kinds(kept, message_id) == ["Send", "DeliveryDelay", "Bounce"]
    *_, bounced = await kept.read(events.of_message, message_id)
    assert "CustomTimeoutExceeded" in bounced.fact


async def test_a_deferral_waits_its_time_and_keeps_only_those_left(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised(kept, "a@example.net", "b@example.net")
    transport.outcomes = [{"a@example.net": Delivered("250 ok"), "b@example.net": Deferred("busy", "451 4.3.2 busy")}]
    worker = worker_of(kept, transport, clock)

    await worker.step()
    assert await kinds(kept, message_id) == ["Send", "Delivery", "DeliveryDelay"]
    (row,) = await kept.read(outgoing.of_message, message_id)
    assert row.due_at >= NOON + MINUTE
    clock.at = row.due_at - 1
    assert not await worker.step()
    clock.at = row.due_at
    assert await worker.step()

    assert transport.attempts[1].recipients == ("b@example.net",)
    assert transport.attempts[1].number == 2
    assert await states(kept, message_id) == {"a@example.net": "delivered", "b@example.net": "delivered"}


async def test_a_transport_that_raises_defers_everyone_and_says_so(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised(kept, "a@example.net")
    transport.failure = OSError("disk full")

    await worker_of(kept, transport, clock).step()

    assert await kinds(kept, message_id) == ["Send", "DeliveryDelay"]
    (row,) = await kept.read(outgoing.of_message, message_id)
    assert row.why == "InternalFailure: OSError in capture"
    transport.failure = None
    clock.at = row.due_at
    await worker_of(kept, transport, clock).step()
    assert await states(kept, message_id) == {"a@example.net": "delivered"}


async def test_after_the_time_for_trying_it_bounces(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised(kept, "a@example.net")
    worker = worker_of(kept, transport, clock)
    transport.failure = OSError("down")

    while await worker.step():
        if waiting := await kept.read(outgoing.of_message, message_id):
            clock.at = waiting[0].due_at

    assert await kinds(kept, message_id) == ["Send", "DeliveryDelay", "Bounce"]
    assert clock.at == NOON + GIVE_UP_AFTER
    assert await kept.read(outgoing.size) == 0


async def test_bad_content_is_rejected_without_an_attempt(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    message_id = await promised(kept, "a@example.net", text=eicar)

    await worker_of(kept, transport, clock).step()

    assert transport.attempts == []
    assert await kinds(kept, message_id) == ["Send", "Reject"]
    assert await states(kept, message_id) == {"a@example.net": "rejected"}


async def test_an_unfinished_attempt_is_made_again_when_its_lease_ends(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised(kept, "a@example.net")
    dead = ToldTransport()
    dead.stalled = asyncio.Event()
    abandoned = asyncio.create_task(worker_of(kept, dead, clock).step())
    while not dead.attempts:
        await asyncio.sleep(0)

    transport.outcomes = [{"a@example.net": Deferred("busy", "451 4.3.2 busy")}]
    living = worker_of(kept, transport, clock)
    assert not await living.step()
    clock.at = NOON + LEASE
    assert await living.step()
    dead.stalled.set()
    await abandoned

    assert await kinds(kept, message_id) == ["Send", "DeliveryDelay"], "the one whose lease ended records nothing"
    assert len(await kept.read(outgoing.of_message, message_id)) == 1, "and closes nothing"


async def test_what_a_worker_has_claimed_and_not_begun_when_it_is_stopped_is_due_at_once(
    kept: Store, transport: ToldTransport, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = await promised(kept, "a@example.net")
    read, claimed = kept.read, asyncio.Event()

    async def stalling(planner: Any, *args: Any) -> Any:
        if planner.__name__ == "look_up":
            claimed.set()
            await asyncio.Event().wait()
        return await read(planner, *args)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "read", stalling)
        stopped = asyncio.create_task(worker_of(kept, transport, clock).run())
        await claimed.wait()
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped

    assert await worker_of(kept, transport, clock).step()
    assert await kinds(kept, message_id) == ["Send", "Delivery"]


async def test_a_pace_that_cannot_be_written_changes_no_outcome(
    kept: Store, transport: ToldTransport, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = await promised(kept, "a@example.net", "b@example.net")
    slow = Deferred("later", "421 4.7.28 too much mail")
    transport.outcomes = [{"a@example.net": Delivered("250 ok"), "b@example.net": slow}]
    worker, write = worker_of(kept, transport, clock), kept.write

    async def failing(planner: Any, *args: Any) -> Any:
        if planner is pace.change:
            raise Unavailable("the disk is full")
        return await write(planner, *args)

    monkeypatch.setattr(kept, "write", failing)
    await worker.step()

    assert await states(kept, message_id) == {"a@example.net": "delivered", "b@example.net": "delayed"}


async def test_an_attempt_that_found_the_store_away_is_made_again_at_once_and_was_none(
    kept: Store, transport: ToldTransport, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = await promised(kept, "a@example.net")
    worker, read, away = worker_of(kept, transport, clock), kept.read, ["look_up", "_set_up"]

    async def failing(planner: Any, *args: Any) -> Any:
        if planner.__name__ in away:
            away.remove(planner.__name__)
            raise Unavailable("the connection was closed in the middle of operation")
        return await read(planner, *args)

    monkeypatch.setattr(kept, "read", failing)
    with pytest.raises(Unavailable):
        await worker.step()
    clock.at += SECOND
    assert await worker.step()
    assert transport.attempts == [] == away

    clock.at += SECOND
    assert await worker.step()

    assert [attempt.number for attempt in transport.attempts] == [1]
    assert await kinds(kept, message_id) == ["Send", "Delivery"]


async def test_a_row_whose_transport_is_gone_waits_and_says_why(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised(kept, "a@example.net")

    await Worker(kept, {}, EicarScanner(), preparer_of(kept, clock), clock).step()

    (row,) = await kept.read(outgoing.of_message, message_id)
    assert "no transport named 'capture'" in row.why


async def test_a_refusal_bounces_that_recipient_alone(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    message_id = await promised(kept, "a@example.net", "b@example.net")
    transport.outcomes = [{"a@example.net": Refused("550 5.1.1 no"), "b@example.net": Delivered("250 ok")}]

    await worker_of(kept, transport, clock).step()

    assert await states(kept, message_id) == {"a@example.net": "bounced", "b@example.net": "delivered"}


async def test_many_messages_are_delivered_once_each_by_two_workers(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    ids = [await promised(kept, f"a{number}@example.net") for number in range(150)]
    workers = [worker_of(kept, transport, clock), worker_of(kept, transport, clock)]

    while any(await asyncio.gather(*(worker.step() for worker in workers))):
        pass

    assert sorted(attempt.message_id for attempt in transport.attempts) == sorted(ids)


class BrokenScanner:
    """Cannot look for as many times as it is told, then finds what it is told."""

    def __init__(self, failures: int, found: str | None) -> None:
        self.failures = failures
        self.found = found

    async def verdict(self, _raw: bytes) -> str | None:
        self.failures -= 1
        if self.failures >= 0:
            raise ConnectionError
        return self.found


@pytest.mark.parametrize("found", ["Bad content", None])
async def test_what_could_not_be_scanned_is_not_delivered_until_it_was(
    kept: Store, transport: ToldTransport, clock: StandingClock, found: str | None
) -> None:
    message_id = await promised(kept, "a@example.net")
    worker = Worker(kept, {transport.name: transport}, BrokenScanner(2, found), preparer_of(kept, clock), clock)

    for _ in range(2):
        assert await worker.step()
        assert transport.attempts == []
        (row,) = await kept.read(outgoing.of_message, message_id)
        assert "the scanner could not look at the message (ConnectionError)" in row.why
        clock.at = row.due_at
    await worker.step()

    assert len(transport.attempts) == (0 if found else 1)
    assert await states(kept, message_id) == {"a@example.net": "rejected" if found else "delivered"}


async def test_mail_of_the_service_leaves_with_the_null_path_and_suppresses_nobody(
    kept: Store, transport: ToldTransport, clock: StandingClock
) -> None:
    raw = b"From: no-reply@mail.example.org\r\nSubject: x\r\n\r\ny\r\n"
    mail = SystemMail("key", "us-east-1", "a@example.net", raw)
    (message_id,) = await kept.write(promise_system_mail, [mail], RouteTable(), NOON)
    transport.outcomes = [{"a@example.net": Refused("550 5.1.1 no")}]

    await worker_of(kept, transport, clock).step()

    assert message_id
    assert [attempt.sender for attempt in transport.attempts] == [""]
    assert await states(kept, message_id) == {"a@example.net": "bounced"}
    scope = Scope(SERVICE_ACCOUNT, "us-east-1")
    assert (await kept.read(suppression.list_page, scope, (), None, None, None, None)).addresses == []
