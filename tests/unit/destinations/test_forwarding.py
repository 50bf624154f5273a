"""Which feedback goes to whom by mail, once, and what the mail says."""

import email
from collections.abc import Sequence

import msgspec
import pytest

from pillarbox.delivery.reports.read import read
from pillarbox.delivery.reports.report import AutomaticReply, ComplaintReport, DeliveryReport
from pillarbox.delivery.route import RouteTable
from pillarbox.destinations.forwarding import Forwarding
from pillarbox.events.types import Delivery, Event, Fact, MailFacts
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.pubsub import topics
from pillarbox.resources import configuration_sets, event_destinations, identities
from pillarbox.sending.system_mail import OPERATION
from pillarbox.store import messages
from pillarbox.store.engine import Store
from pillarbox.store.messages import Search
from pillarbox.store.plan import Plan
from tests.support.clock import StandingClock
from tests.unit.events.examples import (
    ACCEPTED_AT,
    FACTS,
    HAPPENED_AT,
    KINDS,
    MESSAGE_ID,
    SCOPE,
    event,
    message,
    recipients,
)
from tests.unit.events.following import NOON

SERVICE = Scope(SERVICE_ACCOUNT, SCOPE.region)
BOUNCE, COMPLAINT = KINDS["bounce"], KINDS["complaint"]


def simulated(mailbox: str) -> Delivery:
    return Delivery([f"{mailbox}@simulator.amazonses.com"], "250 ok", 1, "mta.example", transport="simulator")


class Town:
    """A store with the example message and its sender's identity."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.work = Forwarding("mail.example", RouteTable(), StandingClock(NOON))

    async def prepare(self, *, forwarding: bool = True, facts: MailFacts = FACTS) -> None:
        await self.store.write(identities.vouch, SCOPE, "example.com", NOON)
        await self.store.write(identities.set_feedback_forwarding, SCOPE, "example.com", forwarding, NOON)
        row = message(facts)._replace(configuration_set="orders")
        await self.store.write(messages.add, [row], recipients(row))

    async def happen(self, *facts: Fact) -> None:
        await self.store.write(self.work, [event(fact) for fact in facts])

    async def mails(self) -> list[bytes]:
        rows = await self.store.read(messages.newest, Search(*SERVICE), 10)
        return [await self.store.body(row.body) for row in rows if row.operation == OPERATION]


@pytest.fixture
def town(store: Store) -> Town:
    return Town(store)


async def test_a_bounce_is_a_report_to_the_address_for_feedback(town: Town) -> None:
    await town.prepare(facts=msgspec.structs.replace(FACTS, return_path="Feedback <feedback@example.com>"))

    await town.happen(BOUNCE)

    (raw,) = await town.mails()
    mail = email.message_from_bytes(raw)
    assert (mail["From"], mail["To"]) == ("MAILER-DAEMON@mail.example", "feedback@example.com")
    report = read(raw).report
    assert isinstance(report, DeliveryReport)
    (fate,) = report.fates
    assert (fate.action, fate.status, fate.reply) == ("failed", "5.1.1", "550 5.1.1 user unknown")
    assert fate.addresses == ("bob@example.net",)
    returned = str(mail.get_payload()[-1])  # type: ignore[index]
    assert f"Message-ID: <{MESSAGE_ID}@email.mail.example>" in returned
    assert 'To: "Stone, Bob" <bob@example.net>' in returned


async def test_a_complaint_is_a_complaint_again(town: Town) -> None:
    await town.prepare()

    await town.happen(COMPLAINT)

    (raw,) = await town.mails()
    report = read(raw).report
    assert isinstance(report, ComplaintReport)
    assert report.addresses == tuple(getattr(COMPLAINT, "recipients"))  # noqa: B009


async def test_an_event_is_sent_on_once_however_often_it_is_seen(town: Town) -> None:
    await town.prepare()

    for _ in range(2):
        await town.happen(BOUNCE, COMPLAINT)

    assert len(await town.mails()) == 2


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"bounce", "complaint"}))
async def test_nothing_else_is_sent_on(town: Town, name: str) -> None:
    await town.prepare()

    await town.happen(KINDS[name])

    assert await town.mails() == []


@pytest.mark.parametrize("mailbox, count", [("ooto", 1), ("OOTO+label", 1), ("success", 0), ("complaint", 0)])
async def test_the_simulators_automatic_reply_is_written(town: Town, mailbox: str, count: int) -> None:
    await town.prepare()

    await town.happen(simulated(mailbox))

    mails = await town.mails()
    assert len(mails) == count
    assert all(isinstance(read(raw).report, AutomaticReply) for raw in mails)


async def test_who_has_switched_it_off_gets_mail_only_while_nothing_else_tells(town: Town, store: Store) -> None:
    await town.prepare(forwarding=False)
    await town.happen(simulated("ooto"))
    assert await town.mails() == []

    await store.write(_told_by_topics)
    await town.happen(BOUNCE, COMPLAINT)

    (raw,) = await town.mails()
    assert isinstance(read(raw).report, ComplaintReport), "of bounces the topic tells"


async def test_an_event_destination_tells_too(town: Town, store: Store) -> None:
    await town.prepare(forwarding=False)
    await store.write(_told_by_a_destination)

    await town.happen(BOUNCE, COMPLAINT)

    (raw,) = await town.mails()
    assert isinstance(read(raw).report, ComplaintReport)


@pytest.mark.parametrize("return_path", ["", "not an address", "bounce@simulator.amazonses.com"])
async def test_feedback_with_nowhere_to_go_holds_nothing_up(town: Town, return_path: str) -> None:
    await town.prepare(facts=msgspec.structs.replace(FACTS, return_path=return_path))

    await town.happen(BOUNCE)

    assert await town.mails() == []


async def test_mail_that_cannot_be_made_holds_nothing_up(town: Town, store: Store) -> None:
    await town.prepare()
    town.work = Forwarding("no domain", RouteTable(), StandingClock(NOON))

    await town.happen(BOUNCE)

    assert await town.mails() == []


async def test_a_sender_without_an_identity_gets_nothing(town: Town, store: Store) -> None:
    await town.prepare()
    await store.write(identities.delete, SCOPE, "example.com")

    await town.happen(BOUNCE)

    assert await town.mails() == []


async def test_what_happens_to_mail_of_the_service_makes_no_mail(town: Town, store: Store) -> None:
    await town.prepare()
    row = message()._replace(message_id="1", account=SERVICE_ACCOUNT)
    await store.write(messages.add, [row], ())
    await store.write(identities.vouch, SERVICE, "example.com", NOON)

    await store.write(town.work, _events_of(SERVICE, BOUNCE))

    assert await town.mails() == []


def _events_of(scope: Scope, *facts: Fact) -> Sequence[Event]:
    return [Event(str(number), scope, "1", HAPPENED_AT, ACCEPTED_AT, fact) for number, fact in enumerate(facts)]


def _told_by_topics() -> Plan[None]:
    yield from topics.create(SCOPE, "bounces", {}, {}, NOON)
    arn = topics.arn_of(SCOPE, "bounces")
    yield from identities.set_topic(SCOPE, "example.com", "Bounce", arn, NOON)


def _told_by_a_destination() -> Plan[None]:
    yield from topics.create(SCOPE, "bounces", {}, {}, NOON)
    yield from configuration_sets.create(SCOPE, "orders", NOON)
    wanted = event_destinations.Wanted("all", True, ["Bounce"], ["SNS"], topics.arn_of(SCOPE, "bounces"))
    yield from event_destinations.create(SCOPE, "orders", wanted, NOON)
