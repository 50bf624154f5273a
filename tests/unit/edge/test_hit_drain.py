"""Opens and clicks come into the event log once, with who it was and whether it was a person."""

from pathlib import Path

import pytest

from pillarbox.edge.bots import Judge, Rules, Speed, Together
from pillarbox.edge.hit_drain import HitDrain
from pillarbox.edge.hit_files import HitFiles
from pillarbox.edge.hit_spool import Hit, HitSpool
from pillarbox.events.record import record
from pillarbox.events.tail import event_of
from pillarbox.events.types import Click, Delivery, Event, Fact, Kind, Open
from pillarbox.kit.clock import DAY, SECOND
from pillarbox.kit.errors import Unavailable
from pillarbox.store import events, messages
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock
from tests.unit.events.examples import ACCEPTED_AT, MESSAGE_ID, event, message, recipients

BOB = "bob@example.net"
LINK = "https://shop.example/?who=bob#top"
AGENT = "Mozilla/5.0 (X11) Firefox/140.0"
AT = ACCEPTED_AT + 600 * SECOND
RULES = Rules(speed=Speed(1_000, 3_000), together=Together(3, 2_000))


class Down:
    """A store that cannot write."""

    async def write(self, *_: object) -> None:
        raise Unavailable("down")


class Recording:
    """A spool, what drains it, and the log that it drains into."""

    def __init__(self, store: Store, folder: Path, *, drops_query: bool = False) -> None:
        self.folder = folder / "hits"
        self.spool = HitSpool(self.folder, 1 << 20)
        self.store = store
        self.clock = StandingClock(AT)
        self.drops_query = drops_query
        self.drain = self.restarted()

    def restarted(self, store: object = None) -> HitDrain:
        files = HitFiles(self.folder)
        return HitDrain(files, store or self.store, Judge([RULES]), self.clock, drops_query=self.drops_query)  # type: ignore[arg-type]

    async def came(self, *hits: Hit) -> list[Event]:
        """Record hits, wait until they may be judged, drain, and return the opens and clicks in the log."""
        self.spool._gathered = list(hits)
        self.spool.flush()
        self.clock.at = max(hit.at for hit in hits) + 2_000
        while await self.drain.step():
            pass
        return await self.told()

    async def told(self) -> list[Event]:
        rows = await self.store.read(events.of_message, MESSAGE_ID)
        return [one for one in map(event_of, rows) if one.kind in (Kind.OPEN, Kind.CLICK)]

    async def facts(self, *hits: Hit) -> list[Fact]:
        return [one.fact for one in await self.came(*hits)]


@pytest.fixture
async def recording(store: Store, tmp_path: Path) -> Recording:
    await store.write(messages.add, [message()], recipients(message()))
    return Recording(store, tmp_path)


def click(at: int = AT, link: str = LINK, recipient: int | None = 0, address: str = "203.0.113.9") -> Hit:
    return Hit(at, MESSAGE_ID, address, AGENT, "GET", link, {"k": ["v"]}, recipient)


def pixel(at: int = AT, recipient: int | None = None) -> Hit:
    return Hit(at, MESSAGE_ID, "203.0.113.9", AGENT, recipient=recipient)


async def test_a_click_is_told_with_all_that_is_known_of_it(recording: Recording) -> None:
    [told] = await recording.came(click())

    assert told.fact == Click("203.0.113.9", AGENT, LINK, {"k": ["v"]}, recipient=BOB)
    assert (told.happened_at, told.recorded_at) == (AT, AT + 2_000)


async def test_an_open_of_a_copy_that_several_got_names_nobody(recording: Recording) -> None:
    assert await recording.facts(pixel()) == [Open("203.0.113.9", AGENT)]


async def test_an_open_of_ones_own_copy_names_them(recording: Recording) -> None:
    assert await recording.facts(pixel(recipient=0)) == [Open("203.0.113.9", AGENT, recipient=BOB)]


async def test_the_query_is_dropped_when_it_is_not_to_be_kept(store: Store, tmp_path: Path) -> None:
    await store.write(messages.add, [message()], recipients(message()))
    [fact] = await Recording(store, tmp_path, drops_query=True).facts(click())

    assert isinstance(fact, Click) and fact.link == "https://shop.example/"


async def test_each_open_is_an_event_of_its_own(recording: Recording) -> None:
    told = await recording.came(pixel(), pixel(), pixel())

    assert len({one.event_id for one in told}) == 3


async def test_what_was_recorded_before_a_crash_is_not_recorded_again(recording: Recording) -> None:
    before = await recording.came(click(), pixel())
    recording.drain = recording.restarted()
    again = await recording.came(click(AT + 10_000))

    assert len(before) == 2 and len(again) == 3


async def test_a_store_that_is_down_loses_nothing(recording: Recording) -> None:
    recording.drain = recording.restarted(Down())
    with pytest.raises(Unavailable):
        await recording.came(click(), pixel())
    assert await recording.told() == []

    recording.drain._store = recording.store  # it comes back
    assert await recording.drain.step()

    assert len(await recording.told()) == 2


async def test_a_hit_waits_until_others_cannot_come_at_the_same_time(recording: Recording) -> None:
    recording.spool._gathered = [click()]
    recording.spool.flush()
    recording.clock.at = AT + 1_999
    assert not await recording.drain.step()

    recording.clock.at = AT + 2_000
    assert await recording.drain.step()


async def test_a_hit_of_a_time_to_come_does_not_wait_for_it(recording: Recording) -> None:
    recording.spool._gathered = [click(AT + DAY)]
    recording.spool.flush()

    assert await recording.drain.step()


async def test_the_first_of_many_links_at_once_is_known_as_one_of_them(recording: Recording) -> None:
    hits = [click(AT + number * 300, f"https://shop.example/{number}") for number in range(4)]

    assert [fact.is_bot_event for fact in await recording.facts(*hits)] == ["Likely"] * 4  # type: ignore[union-attr]


async def test_one_link_again_and_again_is_followed_by_a_person(recording: Recording) -> None:
    facts = await recording.facts(*[click(AT + number * 300) for number in range(6)])

    assert [fact.is_bot_event for fact in facts] == [None] * 6  # type: ignore[union-attr]


async def test_links_that_several_people_follow_at_once_are_followed_by_people(recording: Recording) -> None:
    shared = [
        click(AT + number, f"https://shop.example/{number}", recipient=None, address=f"203.0.113.{number}")
        for number in range(5)
    ]

    assert [fact.is_bot_event for fact in await recording.facts(*shared)] == [None] * 5  # type: ignore[union-attr]


async def test_a_click_as_soon_as_the_mail_is_delivered_is_marked_and_says_why(recording: Recording) -> None:
    delivered = event(Delivery([BOB], "250 ok", 1, "mta.example"))
    await recording.store.write(record, [delivered])
    [soon, later] = await recording.facts(click(delivered.happened_at + 500), click(delivered.happened_at + 60_000))

    assert isinstance(soon, Click) and soon.is_bot_event == "Likely"
    assert soon.automated == "sooner than 3000 ms after the delivery"
    assert isinstance(later, Click) and later.is_bot_event is None and later.automated is None


async def test_nothing_is_recorded_after_sixty_days_or_of_mail_that_is_not_kept(recording: Recording) -> None:
    unknown = Hit(AT, MESSAGE_ID[:-1] + "7", "203.0.113.9", AGENT)

    assert await recording.came(unknown, click(ACCEPTED_AT + 60 * DAY + 1)) == []
    assert len(await recording.came(click(ACCEPTED_AT + 60 * DAY))) == 1


async def test_a_flood_is_drained_in_turns(recording: Recording) -> None:
    told = await recording.came(*[pixel() for _ in range(450)])

    assert len(told) == 450
