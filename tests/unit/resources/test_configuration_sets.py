"""Configuration sets and their event destinations."""

import pytest

from pillarbox.events.types import Kind
from pillarbox.kit.errors import Invalid, LimitReached
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, event_destinations
from pillarbox.resources.configuration_sets import (
    ConfigurationSetExists,
    ConfigurationSetMissing,
    InvalidConfigurationSet,
)
from pillarbox.resources.event_destinations import (
    EventDestinationExists,
    EventDestinationMissing,
    InvalidSnsDestination,
    UnsupportedCloudWatch,
    UnsupportedFirehose,
    UnsupportedTarget,
    Wanted,
)
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows

HERE = Scope("111111111111", "us-east-1")
ELSEWHERE = Scope("111111111111", "eu-west-1")
NOW = 1_700_000_000_000
TOPIC = "arn:aws:sns:us-east-1:111111111111:events"


def _wanted(name: str = "told", **changes: object) -> Wanted:
    wanted = {"enabled": True, "event_types": ["Send"], "targets": ["SNS"], "topic_arn": TOPIC}
    return Wanted(name, **(wanted | changes))  # type: ignore[arg-type]


@pytest.fixture
async def news(store: Store) -> Store:
    """A store with the configuration set `news` and the topic `events`."""
    await store.write(configuration_sets.create, HERE, "news", NOW)
    await store.write(nouns.create, HERE, "topic", "events", "{}", NOW)
    return store


async def test_a_new_set_sends(store: Store) -> None:
    await store.write(configuration_sets.create, HERE, "news", NOW)
    found = await store.read(configuration_sets.existing, HERE, "news")
    assert found.sending_enabled
    assert not found.reputation_metrics
    assert found.fresh_start_at is None


@pytest.mark.parametrize("name", ["", "a" * 65, "two words", "a/b", "ä", "news\n"])
async def test_a_set_cannot_have_any_name(store: Store, name: str) -> None:
    with pytest.raises(InvalidConfigurationSet):
        await store.write(configuration_sets.create, HERE, name, NOW)


async def test_a_set_is_created_once(news: Store) -> None:
    with pytest.raises(ConfigurationSetExists, match=r"Configuration set <news> already exists\.") as refused:
        await news.write(configuration_sets.create, HERE, "news", NOW)
    assert refused.value.members == {"ConfigurationSetName": "news"}
    await news.write(configuration_sets.create, ELSEWHERE, "news", NOW)


async def test_one_more_than_the_limit_is_refused(store: Store) -> None:
    def fill() -> Plan[None]:
        for number in range(configuration_sets.MOST_SETS):
            yield Rows(
                "INSERT INTO nouns (account, region, kind, name, parent, created_at, updated_at, document)"
                " VALUES (?, ?, ?, ?, '', 0, 0, '{}')",
                (*HERE, configuration_sets.KIND, f"s{number}"),
            )

    await store.write(fill)
    with pytest.raises(LimitReached):
        await store.write(configuration_sets.create, HERE, "news", NOW)


async def test_reputation_starts_afresh_when_sending_is_switched_on_again(news: Store) -> None:
    await news.write(configuration_sets.set_sending, HERE, "news", True, NOW + 1)
    assert (await news.read(configuration_sets.existing, HERE, "news")).fresh_start_at is None

    await news.write(configuration_sets.set_sending, HERE, "news", False, NOW + 2)
    paused = await news.read(configuration_sets.existing, HERE, "news")
    assert (paused.sending_enabled, paused.fresh_start_at) == (False, None)

    await news.write(configuration_sets.set_sending, HERE, "news", True, NOW + 3)
    await news.write(configuration_sets.set_sending, HERE, "news", True, NOW + 4)
    assert (await news.read(configuration_sets.existing, HERE, "news")).fresh_start_at == NOW + 3


async def test_a_set_that_is_not_there_is_named_in_the_refusal(store: Store) -> None:
    for planner, args in (
        (configuration_sets.set_sending, (True, NOW)),
        (configuration_sets.set_reputation_metrics, (True, NOW)),
        (configuration_sets.delete, ()),
        (configuration_sets.existing, ()),
        (event_destinations.create, (_wanted(), NOW)),
        (event_destinations.update, (_wanted(), NOW)),
        (event_destinations.delete, ("told",)),
        (event_destinations.of_existing_set, ()),
    ):
        with pytest.raises(ConfigurationSetMissing, match=r"Configuration set <news> does not exist."):
            await store.write(planner, HERE, "news", *args)


async def test_a_set_takes_its_event_destinations_with_it(news: Store) -> None:
    await news.write(event_destinations.create, HERE, "news", _wanted(), NOW)
    await news.write(configuration_sets.delete, HERE, "news")
    await news.write(configuration_sets.create, HERE, "news", NOW)
    assert await news.read(event_destinations.of_existing_set, HERE, "news") == []


def test_event_types_are_spelled_as_the_kinds_of_event_are() -> None:
    assert set(event_destinations.EVENT_TYPES) == {kind.value for kind in Kind}


async def test_an_event_destination_is_kept_as_asked_for(news: Store) -> None:
    wanted = _wanted(event_types=["Bounce", "Send", "Bounce"], enabled=False)
    made = await news.write(event_destinations.create, HERE, "news", wanted, NOW)
    assert (made.name, made.enabled, made.event_types, made.topic_arn) == ("told", False, ["Send", "Bounce"], TOPIC)
    assert await news.read(event_destinations.of_set, HERE, "news") == [made]
    assert await news.read(event_destinations.of_set, ELSEWHERE, "news") == []


async def test_destinations_of_two_sets_may_have_one_name(news: Store) -> None:
    await news.write(configuration_sets.create, HERE, "other", NOW)
    for name in ("news", "other"):
        await news.write(event_destinations.create, HERE, name, _wanted(), NOW)
    await news.write(event_destinations.delete, HERE, "other", "told")
    assert len(await news.read(event_destinations.of_set, HERE, "news")) == 1


async def test_a_destination_is_created_once_and_replaced_as_a_whole(news: Store) -> None:
    await news.write(event_destinations.create, HERE, "news", _wanted(), NOW)
    with pytest.raises(EventDestinationExists) as refused:
        await news.write(event_destinations.create, HERE, "news", _wanted(), NOW)
    assert refused.value.members == {"ConfigurationSetName": "news", "EventDestinationName": "told"}

    changed = _wanted(enabled=False, event_types=["Click"])
    made = await news.write(event_destinations.update, HERE, "news", changed, NOW)
    assert await news.read(event_destinations.of_set, HERE, "news") == [made]
    assert (made.enabled, made.event_types) == (False, ["Click"])


async def test_a_destination_that_is_not_there_is_not_changed(news: Store) -> None:
    for planner, args in ((event_destinations.update, (_wanted(), NOW)), (event_destinations.delete, ("told",))):
        with pytest.raises(EventDestinationMissing, match="No EventDestination found for news"):
            await news.write(planner, HERE, "news", *args)


async def test_a_set_has_ten_destinations_at_the_most(news: Store) -> None:
    for number in range(10):
        await news.write(event_destinations.create, HERE, "news", _wanted(f"n{number}"), NOW)
    with pytest.raises(LimitReached):
        await news.write(event_destinations.create, HERE, "news", _wanted("n10"), NOW)
    assert len(await news.read(event_destinations.of_set, HERE, "news")) == 10


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_types": []}, Invalid),
        ({"targets": []}, Invalid),
        ({"targets": ["SNS", "CloudWatch"]}, Invalid),
        ({"targets": ["CloudWatch"]}, UnsupportedCloudWatch),
        ({"targets": ["Firehose"]}, UnsupportedFirehose),
        ({"targets": ["EventBridge"]}, UnsupportedTarget),
        ({"targets": ["Pinpoint"]}, UnsupportedTarget),
        ({"topic_arn": TOPIC + "2"}, InvalidSnsDestination),
        ({"topic_arn": TOPIC + ".fifo"}, InvalidSnsDestination),
        ({"topic_arn": TOPIC.replace("us-east-1", "eu-west-1")}, InvalidSnsDestination),
        ({"topic_arn": TOPIC.replace("1111", "2222")}, InvalidSnsDestination),
    ],
)
async def test_what_cannot_be_told_is_refused_and_not_kept(news: Store, changes, reason) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(reason):
        await news.write(event_destinations.create, HERE, "news", _wanted(**changes), NOW)
    assert await news.read(event_destinations.of_set, HERE, "news") == []


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 65])
async def test_a_destination_cannot_have_any_name(news: Store, name: str) -> None:
    with pytest.raises(Invalid):
        await news.write(event_destinations.create, HERE, "news", _wanted(name), NOW)
