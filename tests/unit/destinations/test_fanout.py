"""Which topics are told of an event, in which form, and what happens when one is gone."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from pillarbox.destinations.fanout import PUBLISHED, SUBJECT, UNDELIVERABLE, FanOut
from pillarbox.events.types import Event, Fact, Kind
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import subscriptions, topics
from pillarbox.resources import configuration_sets, event_destinations, identities
from pillarbox.resources.identities import Identity
from pillarbox.store import messages
from pillarbox.store.engine import Store
from pillarbox.store.plan import Many, Plan, Rows
from tests.support.clock import StandingClock
from tests.unit.events.examples import FACTS, KINDS, SCOPE, event, message, recipients
from tests.unit.events.following import NOON

ELSEWHERE = Scope("999999999999", "us-east-1")
EVERY_KIND = [kind.value for kind in Kind]
KEYRING = Keyring({"1": bytes(32)})


class Town:
    """A store with the example message, and the few things that fan-out looks at."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fan_out = FanOut("mail.example", StandingClock(NOON))

    async def topic(self, name: str, *, scope: Scope = SCOPE, filter_policy: str = "") -> str:
        """Create a topic to which a queue is subscribed."""
        await self.store.write(topics.create, scope, name, {}, {}, NOON)
        arn = f"arn:aws:sqs:{scope.region}:{scope.account}:queue-of-{name}"
        attributes = {"FilterPolicy": filter_policy, "FilterPolicyScope": "MessageBody"} if filter_policy else {}
        wanted = subscriptions.Wanted(name, "sqs", arn, attributes, f"arn:aws:iam::{scope.account}:root")
        await self.store.write(subscriptions.subscribe, scope, subscriptions.named(scope, wanted, KEYRING), NOON)
        return topics.arn_of(scope, name)

    async def configuration_set(self, name: str = "orders", *, scope: Scope = SCOPE) -> None:
        await self.store.write(_plan_set, scope, name)

    async def destination(
        self,
        topic_arn: str,
        name: str = "all",
        *,
        kinds: Sequence[str] = EVERY_KIND,
        enabled: bool = True,
        scope: Scope = SCOPE,
    ) -> None:
        wanted = event_destinations.Wanted(name, enabled, list(kinds), ["SNS"], topic_arn)
        await self.store.write(event_destinations.create, scope, "orders", wanted, NOON)

    async def identity(self, name: str, *, verified: bool = True, **topic_arns: str) -> None:
        await self.store.write(_plan_identity, name, verified)
        for kind, arn in topic_arns.items():
            await self.store.write(identities.set_topic, SCOPE, name, kind, arn, NOON)

    async def message(self, **changes: Any) -> None:
        facts = msgspec.structs.replace(FACTS, **{key: changes[key] for key in changes if hasattr(FACTS, key)})
        row = message(facts, **{key: changes[key] for key in changes if key in ("message_id", "scope")})
        if "configuration_set" in changes:
            row = row._replace(configuration_set=changes["configuration_set"])
        await self.store.write(messages.add, [row], recipients(row))

    async def happen(self, *facts: Fact) -> None:
        await self.store.write(self.fan_out, [event(fact) for fact in facts])

    async def told(self, topic: str) -> list[dict[str, Any]]:
        """Return what a topic's subscriber is to be told, in the order of the notices' kinds."""
        return [json.loads(text) for _, text in await self.store.read(_notices, topic)]


def _plan_set(scope: Scope, name: str) -> Plan[None]:
    yield from configuration_sets.create(scope, name, NOON)


def _plan_identity(name: str, verified: bool) -> Plan[None]:
    yield from identities.create(SCOPE, name, NOON, verify_at_once=verified)


def _notices(topic: str) -> Plan[list[tuple[str, str]]]:
    rows = yield Rows(
        "SELECT n.notification_id, n.subject, n.message FROM notifications n JOIN notification_deliveries d"
        " ON d.notification_id = n.notification_id WHERE n.topic = ? ORDER BY n.message",
        (topic,),
    )
    assert {subject for _, subject, _ in rows} <= {SUBJECT}
    return [(notification_id, text) for notification_id, _, text in rows]


@pytest.fixture
async def town(store: Store) -> Town:
    town = Town(store)
    await town.message()
    return town


async def _identity(town: Town, name: str) -> Identity:
    return await town.store.read(identities.existing, SCOPE, name)


async def test_an_event_destination_is_told_of_every_kind_it_wants(town: Town) -> None:
    await town.configuration_set()
    await town.destination(await town.topic("all"))
    await town.destination(await town.topic("few"), "few", kinds=["Open", "Rendering Failure"])

    await town.happen(*KINDS.values())

    assert {record["eventType"] for record in await town.told("all")} == set(EVERY_KIND)
    assert sorted(record["eventType"] for record in await town.told("few")) == ["Open", "Rendering Failure"]


async def test_a_disabled_destination_is_told_nothing(town: Town) -> None:
    await town.configuration_set()
    await town.destination(await town.topic("off"), enabled=False)

    await town.happen(KINDS["send"])

    assert await town.told("off") == []


async def test_mail_of_no_or_another_configuration_set_is_not_told(store: Store) -> None:
    town = Town(store)
    await town.message(configuration_set="")
    await town.message(message_id="other", configuration_set="other")
    await town.configuration_set()
    await town.destination(await town.topic("all"))

    await store.write(town.fan_out, [event(KINDS["send"]), event(KINDS["send"], message_id="other")])

    assert await town.told("all") == []


async def test_a_configuration_set_of_the_same_name_elsewhere_is_not_told(town: Town) -> None:
    await town.configuration_set()
    await town.configuration_set(scope=ELSEWHERE)
    await town.destination(await town.topic("theirs", scope=ELSEWHERE), scope=ELSEWHERE)

    await town.happen(KINDS["send"])

    assert await town.told("theirs") == []


async def test_an_identity_topic_is_told_in_the_older_form(town: Town) -> None:
    await town.identity("example.com", Bounce=await town.topic("bounces"))

    await town.happen(*KINDS.values())

    (record,) = await town.told("bounces")
    assert record["notificationType"] == "Bounce"
    assert "headers" not in record["mail"]


async def test_headers_are_told_to_identity_topics_that_ask_for_them(town: Town) -> None:
    arn = await town.topic("feedback")
    await town.identity("example.com", Bounce=arn, Delivery=arn)
    await town.store.write(identities.set_headers, SCOPE, "example.com", "Delivery", True, NOON)

    await town.happen(*KINDS.values())

    told = {record["notificationType"]: "headers" in record["mail"] for record in await town.told("feedback")}
    assert told == {"Bounce": False, "Delivery": True}


async def test_both_mechanisms_tell_of_one_bounce(town: Town) -> None:
    arn = await town.topic("both")
    await town.configuration_set()
    await town.destination(arn)
    await town.identity("example.com", Bounce=arn)

    await town.happen(KINDS["bounce"])

    first, second = await town.told("both")
    assert (first["eventType"], second["notificationType"]) == ("Bounce", "Bounce")


@pytest.mark.parametrize(
    "present, told",
    [
        (["example.com"], "example.com"),
        (["example.com", "mail.example.com"], "mail.example.com"),
        (["example.com", "mail.example.com", "ann@mail.example.com"], "ann@mail.example.com"),
        (["example.com", "bob@mail.example.com", "ail.example.com"], "example.com"),
    ],
)
async def test_the_most_specific_identity_of_the_sender_decides(town: Town, present: list[str], told: str) -> None:
    for name in present:
        await town.identity(name, Bounce=await town.topic(name.replace(".", "-").replace("@", "_")))

    await town.happen(KINDS["bounce"])

    for name in present:
        count = len(await town.told(name.replace(".", "-").replace("@", "_")))
        assert count == (1 if name == told else 0), name


async def test_a_verified_address_without_topics_is_not_told_of_by_its_domain(town: Town) -> None:
    await town.identity("example.com", Bounce=await town.topic("domain"))
    await town.identity("ann@mail.example.com")

    await town.happen(KINDS["bounce"])

    assert await town.told("domain") == []


async def test_an_identity_that_is_not_verified_does_not_count(town: Town) -> None:
    await town.identity("example.com", Bounce=await town.topic("domain"))
    await town.identity("ann@mail.example.com", verified=False)

    await town.happen(KINDS["bounce"])

    assert len(await town.told("domain")) == 1


async def test_told_again_a_notice_is_the_same_notice(town: Town) -> None:
    arn = await town.topic("all")
    await town.configuration_set()
    await town.destination(arn)
    await town.destination(arn, "twin")
    await town.identity("example.com", Bounce=arn)

    await town.happen(KINDS["bounce"])
    once = await town.store.read(_notices, "all")
    await town.happen(KINDS["bounce"])

    assert await town.store.read(_notices, "all") == once
    assert len({notification_id for notification_id, _ in once}) == 3


async def test_subscribers_are_told_what_their_filter_lets_through(town: Town) -> None:
    await town.configuration_set()
    await town.destination(await town.topic("some", filter_policy='{"eventType":["Click"]}'))

    await town.happen(*KINDS.values())

    assert [record["eventType"] for record in await town.told("some")] == ["Click"]


async def test_a_destination_whose_topic_is_gone_is_reported_and_holds_nothing_up(town: Town) -> None:
    await town.configuration_set()
    await town.destination(await town.topic("gone"), "gone")
    await town.destination(await town.topic("there"), "there")
    await town.store.write(topics.delete, SCOPE, "gone")
    counter = UNDELIVERABLE.labels("event", "topic does not exist")._value
    published = PUBLISHED.labels("event", "Open")._value
    before, published_before = counter.get(), published.get()

    with capture_logs() as logs:
        await town.happen(KINDS["open"], KINDS["click"])

    assert len(await town.told("there")) == 2
    assert counter.get() - before == 2
    assert published.get() - published_before == 1
    (line,) = [line for line in logs if line["event"] == "events are not published"]
    assert (line["source"], line["topic"], line["why"], line["count"]) == (
        "orders/gone",
        "gone",
        "topic does not exist",
        2,
    )


@pytest.mark.parametrize("kind", ["bounce", "complaint"])
async def test_an_identity_topic_that_is_gone_is_forgotten_and_feedback_goes_by_mail_again(
    town: Town, kind: str
) -> None:
    arn = await town.topic("gone")
    await town.identity("example.com", Bounce=arn, Complaint=arn, Delivery=arn)
    await town.store.write(identities.set_feedback_forwarding, SCOPE, "example.com", False, NOON)
    await town.store.write(topics.delete, SCOPE, "gone")

    await town.happen(KINDS[kind])

    identity = await _identity(town, "example.com")
    assert set(identity.topics) == {"Bounce", "Complaint", "Delivery"} - {kind.capitalize()}
    assert identity.feedback_forwarding


async def test_a_topic_for_deliveries_that_is_gone_is_kept(town: Town) -> None:
    await town.identity("example.com", Delivery=await town.topic("gone"))
    await town.store.write(topics.delete, SCOPE, "gone")

    await town.happen(KINDS["delivery"])

    assert set((await _identity(town, "example.com")).topics) == {"Delivery"}


async def test_an_event_of_a_message_that_is_gone_is_reported_and_holds_nothing_up(town: Town) -> None:
    await town.configuration_set()
    await town.destination(await town.topic("all"))

    with capture_logs() as logs:
        await town.store.write(town.fan_out, [event(KINDS["open"], message_id="gone"), event(KINDS["open"])])

    assert len(await town.told("all")) == 1
    assert [line["event_id"] for line in logs if "no longer kept" in line["event"]] == ["gone/Open"]


async def test_a_batch_reads_its_configuration_once(store: Store) -> None:
    """500 events of 100 messages in two accounts need as many reads as two events in two accounts."""
    town = Town(store)
    batch: list[Event] = []
    for number in range(100):
        scope = (SCOPE, ELSEWHERE)[number % 2]
        message_id = f"m-{number}"
        sender = f"sender{number % 3}@mail.example.com"
        await town.message(message_id=message_id, scope=scope, sender_address=sender)
        batch += [
            event(KINDS[name], message_id=message_id, scope=scope)
            for name in ("send", "delivery", "bounce", "open", "click")
        ]

    few = [one for one in batch if one.message_id in ("m-0", "m-1")]

    assert await store.read(_statements_of, town.fan_out, batch) == await store.read(_statements_of, town.fan_out, few)


def _statements_of(fan_out: FanOut, events: Sequence[Event]) -> Plan[int]:
    """Run a plan that finds nobody to tell, and count what it asks the store."""
    plan, answer, count = fan_out(events), None, 0
    try:
        while True:
            statement = plan.send(answer)
            assert not isinstance(statement, Many)
            count += 1
            answer = yield statement
    except StopIteration:
        return count


async def test_the_first_event_of_a_large_message_is_told_as_one_record(store: Store) -> None:
    town = Town(store)
    await town.message(recipients=[f"r{number}@example.net" for number in range(4_000)])
    await town.configuration_set()
    await town.destination(await town.topic("all"))

    await town.happen(KINDS["send"])

    (record,) = await town.told("all")
    assert len(record["mail"]["destination"]) == 4_000
