"""The operator's hands on the delivery queue, over both engines, with a worker that feels them."""

from collections.abc import Mapping

import msgspec
import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Outcome
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.worker import Worker
from pillarbox.kit.clock import DAY, HOUR, MINUTE, SECOND
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.operate import history, queue
from pillarbox.operate.desk import Desk
from pillarbox.operate.queue import What
from pillarbox.sending.accept import keep_promises
from pillarbox.store.engine import Store
from tests.support.clock import NOON, StandingClock
from tests.support.preparer import KEYRING, preparer_of
from tests.support.promises import SCOPE, draft, promise

PROVIDERS = {"gmail.example": "google", "work.example": "google", "hotmail.example": "outlook"}
ROUTES = RouteTable([Rule("mx")], PROVIDERS.__getitem__)
OTHER = Scope("210987654321", "us-east-1")


class Far:
    """Every provider: takes mail, or answers what it is told."""

    name = "mx"

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.reply = ""

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        if self.reply:
            return dict.fromkeys(attempt.recipients, Deferred("later", self.reply))
        self.taken += attempt.recipients
        return dict.fromkeys(attempt.recipients, Delivered("250 ok"))


class Office:
    """A queue, its worker and its operator."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = StandingClock()
        self.far = Far()
        self.desk = Desk(store, KEYRING, self.clock)
        self.worker = Worker(store, {"mx": self.far}, EicarScanner(), preparer_of(store, self.clock), self.clock)

    async def promise(self, to: str, configuration_set: str | None = None, scope: Scope = SCOPE) -> str:
        made = promise(draft(to, configuration_set=configuration_set, scope=scope), self.clock.at, routes=ROUTES)
        assert await self.store.commit(keep_promises, made) is None
        return made.message.message_id

    async def deliver(self) -> list[str]:
        """Deliver what can be delivered now and return to whom that was."""
        before = len(self.far.taken)
        self.clock.at += SECOND  # in which every process has looked again
        while await self.worker.step():
            pass
        return sorted(self.far.taken[before:])


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        (What(account=SCOPE.account), ["a@gmail.example", "b@work.example", "c@hotmail.example"]),
        (What(provider="google"), ["a@gmail.example", "b@work.example", "d@gmail.example"]),
        (What(provider="mx/outlook"), ["c@hotmail.example"]),
        (What(provider="google", account=SCOPE.account), ["a@gmail.example", "b@work.example"]),
        (What(configuration_set="letters"), ["b@work.example", "d@gmail.example"]),
        (What(configuration_set="letters", account=SCOPE.account), ["b@work.example"]),
    ],
)
async def test_what_is_paused_waits_and_goes_on_when_it_is_resumed(office: Office, what: What, kept: list[str]) -> None:
    await queue.pause(office.desk, what, "being looked into")
    await office.promise("a@gmail.example")
    await office.promise("b@work.example", "letters")
    await office.promise("c@hotmail.example")
    await office.promise("d@gmail.example", "letters", OTHER)
    every = {"a@gmail.example", "b@work.example", "c@hotmail.example", "d@gmail.example"}

    assert await office.deliver() == sorted(every - set(kept))
    shown = await queue.show(office.desk)
    assert sum(lane.rows for lane in shown.lanes) == len(kept)
    assert all("paused" in lane.closed and lane.next_at is None for lane in shown.lanes)
    assert [(one.what, one.why) for one in shown.paused] == [(what, "being looked into")]

    assert await queue.resume(office.desk, what) == len(kept)
    assert await office.deliver() == kept
    assert await queue.show(office.desk) == queue.Queue([], [])


async def test_a_paused_message_says_why_and_its_neighbours_go(office: Office) -> None:
    message_id = await office.promise("a@gmail.example")
    assert await queue.pause(office.desk, What(message_id=message_id), "wrong price") == 1
    await office.promise("b@work.example")

    assert await office.deliver() == ["b@work.example"]
    [waiting] = (await history.of(office.store, message_id, office.clock.at)).waiting
    assert waiting.why == "Not going out: paused at 2026-09-21T14:13:20.000Z: wrong price."

    await queue.resume(office.desk, What(message_id=message_id))
    assert await office.deliver() == ["a@gmail.example"]


async def test_a_paused_message_that_waits_for_another_try_is_not_tried(office: Office) -> None:
    message_id = await office.promise("a@gmail.example")
    office.far.reply = "450 4.2.0 later"
    await office.deliver()
    await queue.pause(office.desk, What(message_id=message_id), "")
    office.far.reply = ""
    office.clock.at += HOUR

    assert await office.deliver() == []


async def test_a_retry_does_not_wait_for_its_time(office: Office) -> None:
    office.far.reply = "450 4.2.0 later"
    first, _ = await office.promise("a@gmail.example", "letters"), await office.promise("c@hotmail.example")
    await office.deliver()
    office.far.reply = ""
    assert await office.deliver() == []

    assert await queue.retry(office.desk, What(message_id=first)) == 1
    assert await office.deliver() == ["a@gmail.example"]
    assert await queue.retry(office.desk, What(account=OTHER.account)) == 0
    assert await queue.retry(office.desk, What(configuration_set="letters")) == 0
    assert await queue.retry(office.desk, What(provider="outlook")) == 1
    assert await office.deliver() == ["c@hotmail.example"]


async def test_a_throttled_provider_rests_its_rows_untouched_and_the_others_go(office: Office) -> None:
    office.far.reply = "421 4.7.28 too much mail from you"
    await office.promise("a@gmail.example")
    await office.deliver()
    office.far.reply = ""
    untouched = await office.promise("b@work.example", scope=OTHER)
    await office.promise("c@hotmail.example")

    assert await office.deliver() == ["c@hotmail.example"], "the provider rests for every account and domain"
    [pace] = await queue.paces(office.desk)
    assert (pace.egress, pace.provider, pace.why) == ("mx", "google", "421 4.7.28 too much mail from you")
    assert pace.not_before == NOON + 31 * SECOND
    [waiting] = (await history.of(office.store, untouched, office.clock.at)).waiting
    assert waiting.attempts == 0
    assert "until 2026-09-21T14:13:51.000Z, because the provider said: 421 4.7.28" in waiting.why
    shown = await queue.show(office.desk)
    assert {lane.account: [reason.why for reason in lane.reasons] for lane in shown.lanes} == {
        SCOPE.account: ["IPFailure: 421 4.7.28 too much mail from you"],
        OTHER.account: [],
    }

    office.clock.at = pace.not_before
    assert await office.deliver() == ["b@work.example"]
    office.clock.at += 2 * MINUTE
    assert await office.deliver() == ["a@gmail.example"]


async def test_a_pace_that_is_forgotten_is_shown_no_longer(office: Office) -> None:
    office.far.reply = "421 4.7.28 too much mail from you"
    await office.promise("a@gmail.example")
    await office.deliver()
    office.far.reply = ""
    office.clock.at += DAY

    assert await office.deliver() == ["a@gmail.example"]
    assert await queue.paces(office.desk) == []


async def test_a_retry_of_a_provider_ends_its_rest(office: Office) -> None:
    office.far.reply = "421 4.7.28 too much mail from you"
    await office.promise("a@gmail.example")
    await office.deliver()
    office.far.reply = ""

    assert await queue.retry(office.desk, What(provider="google")) == 1
    assert await office.deliver() == ["a@gmail.example"]


async def test_a_pace_set_by_hand_holds_and_can_be_taken_away(office: Office) -> None:
    await queue.set_pace(office.desk, "mx/google", 1.0, None, forget=False)
    for number in range(5):
        await office.promise(f"{number}@gmail.example")

    taken = []
    for _ in range(3):
        office.clock.at += SECOND
        await office.worker.step()
        taken.append(len(office.far.taken))
    assert taken == [1, 2, 3]

    freed = await queue.set_pace(office.desk, "mx/google", 0.0, None, forget=False)
    assert freed.rate == 0 and await queue.paces(office.desk) == []
    assert len(await office.deliver()) == 2


async def test_forgetting_leaves_what_was_set_by_hand(office: Office) -> None:
    await queue.set_pace(office.desk, "mx/google", 10.0, 5, forget=False)
    office.far.reply = "421 4.7.28 too much mail from you"
    await office.promise("a@gmail.example")
    await office.deliver()
    [slowed] = await queue.paces(office.desk)
    assert (slowed.rate, slowed.connections) == (5.0, 2)

    pace = await queue.set_pace(office.desk, "mx/google", None, None, forget=True)
    assert (pace.rate, pace.connections, pace.not_before, pace.why) == (10.0, 5, 0, "")


@pytest.mark.parametrize("hop", ["google", "mx", "ses", "capture", "post/google"])
async def test_a_pace_is_that_of_a_way_out_and_a_provider(office: Office, hop: str) -> None:
    with pytest.raises(Invalid, match=f"not by '{hop}'"):
        await queue.set_pace(office.desk, hop, 5.0, None, forget=False)


@pytest.mark.parametrize(
    "what", [What(), What(provider="google", message_id="m"), What(message_id="m", account=""), What("spam")]
)
async def test_what_cannot_be_meant_is_refused(office: Office, what: What) -> None:
    with pytest.raises((Invalid, NotFound)):
        await queue.pause(office.desk, what, "")


async def test_what_is_not_paused_cannot_be_resumed(office: Office) -> None:
    with pytest.raises(NotFound, match="nothing is paused"):
        await queue.resume(office.desk, What(provider="google"))
    with pytest.raises(Invalid):
        await queue.retry(office.desk, What())


def test_what_is_shown_can_be_sent_as_json() -> None:
    shown = queue.Queue([], [queue.Paused(What(account="1"), "", NOON)])

    assert msgspec.json.decode(msgspec.json.encode(shown), type=queue.Queue) == shown
