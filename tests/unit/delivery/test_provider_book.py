"""What is known of domains is kept; what is not is asked once."""

import asyncio
from collections.abc import Mapping

import pytest

from pillarbox.delivery.lanes import UNSORTED
from pillarbox.delivery.outcome import Delivered, Outcome
from pillarbox.delivery.provider_book import BELIEVED, ProviderBook
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.worker import Worker
from pillarbox.kit.clock import MINUTE
from pillarbox.kit.dns import LookupFailed, MailExchanger, Names, NotThere
from pillarbox.sending.accept import keep_promises
from pillarbox.store import outgoing
from pillarbox.store.engine import Store
from tests.support.clock import StandingClock
from tests.support.preparer import preparer_of
from tests.support.promises import draft, promise


class ToldNames(Names):
    """Answers what it is told, and knows what it was asked."""

    def __init__(self) -> None:
        self.exchangers: dict[str, list[str]] = {}
        self.failing: set[str] = set()
        self.asked: list[str] = []

    async def mail_exchangers(self, name: str) -> list[MailExchanger]:
        self.asked.append(name)
        await asyncio.sleep(0)
        if name in self.failing:
            raise LookupFailed(name)
        if name not in self.exchangers:
            raise NotThere(name, name_exists=True)
        return [MailExchanger(10 * place, host) for place, host in enumerate(self.exchangers[name])]


@pytest.fixture
def names() -> ToldNames:
    names = ToldNames()
    names.exchangers["work.example"] = ["aspmx.l.google.com"]
    return names


async def test_a_domain_is_asked_for_once_and_then_known_to_the_routes(store: Store, names: ToldNames) -> None:
    book = ProviderBook(store, names, StandingClock())
    assert book.known("work.example") == UNSORTED

    assert await asyncio.gather(*(book.find("work.example") for _ in range(3))) == ["google"] * 3

    assert names.asked == ["work.example"]
    assert book.known("work.example") == "google"


async def test_what_was_found_is_known_to_other_processes_for_its_time(store: Store, names: ToldNames) -> None:
    clock = StandingClock()
    await ProviderBook(store, names, clock).find("work.example")
    other = ProviderBook(store, names, clock)
    assert await other.find("work.example") == "google"
    assert len(names.asked) == 1

    clock.at += BELIEVED
    names.exchangers["work.example"] = ["mx.elsewhere.example"]
    assert other.known("work.example") == UNSORTED
    assert await other.find("work.example") == "elsewhere.example"


async def test_a_domain_without_an_answer_has_a_lane_of_its_own_and_is_asked_for_again_soon(
    store: Store, names: ToldNames
) -> None:
    clock = StandingClock()
    book = ProviderBook(store, names, clock)
    names.failing.add("work.example")

    assert await book.find("work.example") == "work.example"
    assert await book.find("alone.example") == "alone.example", "its own address takes its mail"
    names.failing.clear()
    clock.at += 5 * MINUTE
    assert await book.find("work.example") == "google"
    assert book.known("alone.example") == "alone.example"


class Far:
    name = "mx"

    def __init__(self) -> None:
        self.lanes_seen: list[str] = []
        self.store: Store

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        self.lanes_seen += [row.lane for row in await self.store.read(outgoing.of_message, attempt.message_id)]
        return dict.fromkeys(attempt.recipients, Delivered("250 ok"))


async def test_mail_to_unknown_domains_finds_its_lane_before_it_is_attempted(store: Store, names: ToldNames) -> None:
    clock, far = StandingClock(), Far()
    far.store = store
    book = ProviderBook(store, names, clock)
    routes = RouteTable([Rule("mx")], book.known)
    worker = Worker(store, {"mx": far}, EicarScanner(), preparer_of(store, clock), clock, book)

    lanes = []
    for _ in range(2):
        made = promise(draft("a@work.example"), clock.at, routes=routes)
        lanes += [row.lane for row in made.outgoing]
        assert await store.commit(keep_promises, made) is None
        while await worker.step():
            pass

    sorted_lane = "123456789012/us-east-1/mx/google"
    assert lanes == ["123456789012/us-east-1/mx/?", sorted_lane], "the second time the route knows"
    assert far.lanes_seen == [sorted_lane] * 2
