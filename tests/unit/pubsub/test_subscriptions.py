"""Subscriptions from pending to removed; each test runs on both engines."""

import dataclasses
import json
from functools import partial

import pytest

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import subscribed_topics, subscribers, subscription_lists, subscriptions, topics
from pillarbox.pubsub.refusals import (
    InvalidParameter,
    InvalidToken,
    NotAuthorized,
    SubscriptionNotFound,
    TooManyFilterPolicies,
    TopicNotFound,
)
from pillarbox.pubsub.subscriptions import Confirmation, Subscribed, Wanted
from pillarbox.store import notifications as stored
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows

HERE = Scope("123456789012", "us-east-1")
THEIRS = Scope("210987654321", "us-east-1")
NOON: Millis = 1_700_000_000_000
KEYRING = Keyring({"1": b"k" * 32})
QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"
HOOK = "https://example.com/hook"
ME = "arn:aws:iam::123456789012:user/me"


@pytest.fixture(autouse=True)
async def topic(store: Store) -> None:
    await store.write(topics.create, HERE, "events", {}, {}, NOON)


async def subscribe(store: Store, endpoint: str = HOOK, now: Millis = NOON, **attributes: str) -> Subscribed:
    protocol = "sqs" if endpoint.startswith("arn:") else endpoint.partition(":")[0]
    wanted = Wanted("events", protocol, endpoint, attributes, ME)
    return await store.write(subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), now)


def name_of(made: Subscribed) -> str:
    return subscribers.place_of(made.arn, HERE.region)[1]


async def attributes_of(store: Store, made: Subscribed, now: Millis = NOON) -> dict[str, str]:
    return await store.read(subscriptions.attributes_of, HERE, name_of(made), HERE.account, now)


def _tokens() -> Plan[list[tuple[str, str]]]:
    rows = yield Rows("SELECT kind, token FROM notifications ORDER BY published_at, kind")
    return [(kind, token) for kind, token in rows]


async def confirm(
    store: Store, token: str, now: Millis = NOON, *, is_signed: bool = False, needs_signature: bool = False
) -> str:
    given = Confirmation(token, is_signed, needs_signature)
    return await store.write(subscriptions.confirm, HERE, "events", given, now)


async def last_token(store: Store) -> str:
    return (await store.read(_tokens))[-1][1]


async def unsubscribe(store: Store, made: Subscribed, now: Millis = NOON, *, is_signed: bool = True) -> None:
    await store.write(subscriptions.unsubscribe, HERE, name_of(made), HERE.account, is_signed, now)


async def counts(store: Store, now: Millis = NOON) -> list[str]:
    found = await store.read(subscribed_topics.attributes_of, HERE, "events", now)
    return [found[f"Subscriptions{which}"] for which in ("Confirmed", "Pending", "Deleted")]


async def test_a_queue_of_the_account_is_confirmed_at_once(store: Store) -> None:
    made = await subscribe(store, QUEUE, RawMessageDelivery="true")
    assert not made.is_pending
    assert made.arn.startswith("arn:aws:sns:us-east-1:123456789012:events:")
    assert await attributes_of(store, made) == {
        "SubscriptionArn": made.arn,
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:events",
        "Owner": "123456789012",
        "Protocol": "sqs",
        "Endpoint": QUEUE,
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
        "SubscriptionPrincipal": ME,
        "RawMessageDelivery": "true",
    }
    assert await store.read(_tokens) == []


async def test_a_url_is_pending_until_its_link_is_visited(store: Store) -> None:
    made = await subscribe(store)
    assert made.is_pending
    assert (await attributes_of(store, made))["PendingConfirmation"] == "true"
    assert await counts(store) == ["0", "1", "0"]
    ((kind, token),) = await store.read(_tokens)
    assert kind == "SubscriptionConfirmation"
    assert await confirm(store, token) == made.arn
    found = await attributes_of(store, made)
    assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("false", "false")
    assert json.loads(found["EffectiveDeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 3
    assert await counts(store) == ["1", "0", "0"]
    assert await confirm(store, token, NOON + 9 * DAY) == made.arn


async def test_subscribing_again_is_the_same_subscription(store: Store) -> None:
    made = await subscribe(store, FilterPolicy='{"a": ["b"]}')
    again = await subscribe(store, now=NOON + 1, RawMessageDelivery="false")
    assert again == made
    first, second = await store.read(_tokens)  # asked again, it is sent the link again
    assert first == second
    await confirm(store, second[1])
    assert await subscribe(store) == dataclasses.replace(made, is_pending=False)
    assert len(await store.read(_tokens)) == 2
    with pytest.raises(InvalidParameter, match="Subscription already exists with different attributes"):
        await subscribe(store, RawMessageDelivery="true")
    assert await counts(store) == ["1", "0", "0"]


async def test_what_is_not_confirmed_is_gone_after_three_days(store: Store) -> None:
    made = await subscribe(store)
    token = await last_token(store)
    late = NOON + 3 * DAY
    with pytest.raises(SubscriptionNotFound):
        await attributes_of(store, made, late)
    with pytest.raises(InvalidParameter, match="Invalid parameter: Token"):
        await confirm(store, token, late)
    assert await counts(store, late) == ["0", "0", "0"]
    again = await subscribe(store, now=late)
    assert again.arn != made.arn
    assert await store.read(subscribers.by_name, HERE, [name_of(made)]) == {}


async def test_what_cannot_be_a_token(store: Store) -> None:
    for token in ("randomtoken", "", "ab" * 300, "A" * 96):
        with pytest.raises(InvalidToken, match=r"^Invalid token$"):
            await confirm(store, token)


async def test_a_token_is_good_for_its_own_subscription_only(store: Store) -> None:
    await subscribe(store)
    token = await last_token(store)
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    for wrong in (forged, "0" * 192):
        with pytest.raises(InvalidParameter, match="Invalid parameter: Token"):
            await confirm(store, wrong)
    await store.write(topics.create, HERE, "others", {}, {}, NOON)
    with pytest.raises(InvalidParameter, match="Invalid parameter: Token"):
        await store.write(subscriptions.confirm, HERE, "others", Confirmation(token, True, False), NOON)
    assert await counts(store) == ["0", "1", "0"]


async def test_a_removed_url_is_told_and_can_come_back(store: Store) -> None:
    made = await subscribe(store)
    await confirm(store, await last_token(store))
    await unsubscribe(store, made, NOON + 1)
    assert [kind for kind, _ in await store.read(_tokens)] == ["SubscriptionConfirmation", "UnsubscribeConfirmation"]
    with pytest.raises(SubscriptionNotFound):
        await attributes_of(store, made)
    assert await counts(store) == ["0", "0", "1"]
    assert await store.read(subscription_lists.of_topic, HERE, "events", "", 9, NOON) == []
    assert await confirm(store, await last_token(store), NOON + 2) == made.arn
    assert await counts(store) == ["1", "0", "0"]


async def test_a_removed_url_cannot_come_back_after_three_days(store: Store) -> None:
    made = await subscribe(store)
    await confirm(store, await last_token(store))
    await unsubscribe(store, made, NOON + 1)
    with pytest.raises(InvalidParameter, match="Invalid parameter: Token"):
        await confirm(store, await last_token(store), NOON + 1 + 3 * DAY)
    assert await counts(store, NOON + 1 + 3 * DAY) == ["0", "0", "0"]


async def test_removing_a_queue_or_what_is_pending_leaves_nothing(store: Store) -> None:
    for endpoint in (QUEUE, HOOK):
        made = await subscribe(store, endpoint)
        await unsubscribe(store, made)
        await unsubscribe(store, made)  # succeeds when it is gone
        assert await counts(store) == ["0", "0", "0"]


async def test_whoever_signed_can_forbid_removal_by_link(store: Store) -> None:
    made = await subscribe(store)
    token = await last_token(store)
    await confirm(store, token, needs_signature=True)  # not signed: it has no effect
    await confirm(store, token, is_signed=True, needs_signature=True)
    with pytest.raises(NotAuthorized):
        await unsubscribe(store, made, is_signed=False)
    await unsubscribe(store, made)
    assert await counts(store) == ["0", "0", "1"]


async def test_a_subscription_can_be_removed_by_link_by_default(store: Store) -> None:
    made = await subscribe(store)
    await confirm(store, await last_token(store), is_signed=True)
    await unsubscribe(store, made, is_signed=False)
    assert await counts(store) == ["0", "0", "1"]


async def test_a_password_is_kept_sealed_and_apart(store: Store) -> None:
    made = await subscribe(store, "https://me:secret@example.com/")
    assert (await attributes_of(store, made))["Endpoint"] == "https://me:****@example.com/"
    one = await store.read(subscribers.find, HERE, name_of(made), NOON)
    assert one.sealed_login is not None
    assert b"secret" not in one.sealed_login
    assert KEYRING.open(one.sealed_login, subscriptions.login_row(HERE, name_of(made))) == b"me:secret"
    rows = await store.write(stored.claim, "https://me:****@example.com/", "lease", NOON, NOON + 1, 9)
    assert "secret" not in repr(rows)


async def test_an_attribute_that_is_wrong_changes_nothing(store: Store) -> None:
    made = await subscribe(store)
    with pytest.raises(InvalidParameter, match="Invalid parameter: AttributeName"):
        await store.write(subscriptions.set_attribute, HERE, name_of(made), HERE.account, "fake-attribute", "x", NOON)
    with pytest.raises(InvalidParameter, match="Attributes Reason: RawMessageDelivery: Invalid value"):
        await subscribe(store, "https://example.com/other", RawMessageDelivery="wrongvalue")
    assert await counts(store) == ["0", "1", "0"]


async def test_the_scope_of_a_filter_is_shown_with_a_filter(store: Store) -> None:
    made = await subscribe(store)

    async def set_attribute(name: str, value: str) -> dict[str, str]:
        await store.write(subscriptions.set_attribute, HERE, name_of(made), HERE.account, name, value, NOON)
        return await attributes_of(store, made)

    assert "FilterPolicyScope" not in await set_attribute("FilterPolicyScope", "MessageBody")
    nested = '{"object": {"key": [{"prefix": "auto-"}]}}'
    found = await set_attribute("FilterPolicy", nested)
    assert (found["FilterPolicyScope"], found["FilterPolicy"]) == ("MessageBody", nested)
    with pytest.raises(InvalidParameter, match="does not support nested filter policy"):
        await set_attribute("FilterPolicyScope", "MessageAttributes")
    assert "FilterPolicy" not in await set_attribute("FilterPolicy", "")


async def test_a_topic_has_at_most_two_hundred_filter_policies(store: Store) -> None:
    for number in range(200):
        await subscribe(store, f"https://example.com/{number}", FilterPolicy='{"a": ["b"]}')
    with pytest.raises(TooManyFilterPolicies):
        await subscribe(store, "https://example.com/x", FilterPolicy='{"a": ["b"]}')
    made = await subscribe(store, "https://example.com/x")
    with pytest.raises(TooManyFilterPolicies):
        await store.write(
            subscriptions.set_attribute, HERE, name_of(made), HERE.account, "FilterPolicy", '{"a": ["b"]}', NOON
        )
    first = (await store.read(subscription_lists.of_topic, HERE, "events", "", 1, NOON))[0][0]
    await store.write(subscriptions.set_attribute, HERE, first, HERE.account, "RawMessageDelivery", "true", NOON)


async def test_subscriptions_are_listed_by_topic_and_all_together(store: Store) -> None:
    await store.write(topics.create, HERE, "others", {}, {}, NOON)
    made = [(await subscribe(store, f"https://example.com/{number}")).arn for number in range(3)]
    wanted = Wanted("others", "sqs", QUEUE, {}, ME)
    other = await store.write(subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), NOON)

    async def page(topic: str | None, after: str = "", most: int = 9) -> list[str]:
        whole = partial(subscription_lists.of_account, HERE)
        planner = partial(subscription_lists.of_topic, HERE, topic) if topic else whole
        found = await store.read(planner, after, most, NOON)
        return [subscribers.arn_of(HERE, one.name) for one in found]

    assert await page("events") == sorted(made)
    assert await page("others") == [other.arn]
    assert await page(None) == sorted([*made, other.arn])
    first = await page(None, most=2)
    assert first + await page(None, first[-1].partition("012:")[2]) == sorted([*made, other.arn])
    with pytest.raises(TopicNotFound):
        await page("missing")


async def test_deleting_a_topic_deletes_its_subscriptions(store: Store) -> None:
    made = await subscribe(store, QUEUE)
    await store.write(topics.delete, HERE, "events")
    with pytest.raises(SubscriptionNotFound):
        await attributes_of(store, made)
    with pytest.raises(TopicNotFound):
        await subscribe(store)


def test_an_arn_that_is_not_of_a_subscription_here() -> None:
    for arn, reason in (
        ("PendingConfirmation", "SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
        ("arn:aws:sns:us-east-1:123456789012:events", "SubscriptionArn"),
    ):
        with pytest.raises(InvalidParameter) as refused:
            subscribers.place_of(arn, HERE.region)
        assert refused.value.reason == reason


async def test_only_the_owners_of_topic_and_subscription_see_it(store: Store) -> None:
    made = await subscribe(store, QUEUE)
    place = subscribers.place_of(made.arn, HERE.region)
    with pytest.raises(NotAuthorized):
        await store.read(subscriptions.attributes_of, *place, THEIRS.account, NOON)
    with pytest.raises(NotAuthorized):
        await store.write(subscriptions.set_attribute, *place, THEIRS.account, "RawMessageDelivery", "true", NOON)
    with pytest.raises(NotAuthorized):
        await store.write(subscriptions.unsubscribe, *place, THEIRS.account, True, NOON)


async def test_another_account_has_what_it_subscribed(store: Store) -> None:
    queue = f"arn:aws:sqs:us-east-1:{THEIRS.account}:q"
    wanted = Wanted("events", "sqs", queue, {}, "them", THEIRS.account)
    made = await store.write(subscriptions.subscribe, HERE, subscriptions.named(HERE, wanted, KEYRING), NOON)
    place = subscribers.place_of(made.arn, HERE.region)
    shown = await store.read(subscriptions.attributes_of, *place, THEIRS.account, NOON)
    assert (shown["Owner"], shown["PendingConfirmation"]) == (THEIRS.account, "false")
    (listed,) = await store.read(subscription_lists.of_account, THEIRS, "", 9, NOON)
    assert subscribers.arn_of(listed.scope, listed.name) == made.arn
    assert await store.read(subscription_lists.of_account, THEIRS, listed.place, 9, NOON) == []
    await store.write(subscribed_topics.delete, HERE, "events")
    assert await store.read(nouns.list_by_name, THEIRS, subscribers.ELSEWHERE, "", 9) == []


async def test_the_queue_of_another_account_has_to_be_confirmed_there(store: Store) -> None:
    made = await subscribe(store, f"arn:aws:sqs:us-east-1:{THEIRS.account}:q")
    assert made.is_pending
