"""The life of an identity."""

import pytest

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, LimitReached
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, identities, identity_queue
from pillarbox.resources.configuration_sets import ConfigurationSetMissing
from pillarbox.resources.identities import DEV_MODE, OPERATOR, Filter, IdentityExists, IdentityMissing
from pillarbox.resources.identity_names import InvalidIdentity
from pillarbox.resources.notification_topics import InvalidTopic
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan, Rows

HERE = Scope("111111111111", "us-east-1")
ELSEWHERE = Scope("111111111111", "eu-west-1")
SOMEBODY = Scope("222222222222", "us-east-1")
NOW: Millis = 1_700_000_000_000
TOPIC = "arn:aws:sns:us-east-1:111111111111:feedback"


def _create(name: str, *, at_once: bool = False) -> Plan[identities.Identity]:
    return identities.create(HERE, name, NOW, verify_at_once=at_once)


def _fill() -> Plan[None]:
    for number in range(identities.MOST_IDENTITIES):
        yield Rows(
            "INSERT INTO nouns (account, region, kind, name, parent, created_at, updated_at, document)"
            " VALUES (?, ?, ?, ?, '', 0, 0, '{}')",
            (*HERE, identities.KIND, f"d{number}.example"),
        )


async def test_an_identity_is_pending_until_somebody_vouches_for_it(store: Store) -> None:
    assert not (await store.write(_create, "example.com")).verified

    vouched = await store.write(identities.vouch, HERE, "EXAMPLE.com", NOW + 5)

    assert (vouched.status, vouched.verified_by, vouched.verified_at) == ("Success", OPERATOR, NOW + 5)
    assert await store.read(identities.get, HERE, "example.com") == vouched


async def test_vouching_creates_what_is_not_there_and_keeps_what_is_verified(store: Store) -> None:
    first = await store.write(identities.vouch, HERE, "jo@example.com", NOW)
    again = await store.write(identities.vouch, HERE, "jo@example.com", NOW + 9)
    assert again == first


async def test_dev_mode_verifies_at_once_and_says_so(store: Store) -> None:
    for planner, name in (
        (identities.verify_address, "jo@example.com"),
        (identities.verify_domain, "example.com"),
    ):
        identity = await store.write(planner, HERE, name, NOW, True)
        assert (identity.verified, identity.verified_by) == (True, DEV_MODE)


async def test_tokens_stay_the_same_however_often_they_are_asked_for(store: Store) -> None:
    first = await store.write(identities.verify_domain, HERE, "example.com", NOW, False)
    again = await store.write(identities.verify_domain, HERE, "Example.com", NOW + 1, False)
    other = await store.write(identities.verify_domain, HERE, "example.net", NOW, False)

    assert first.verification_token == again.verification_token
    assert first.dkim.tokens == again.dkim.tokens
    assert len(set(first.dkim.tokens)) == 3
    assert other.verification_token != first.verification_token


async def test_dkim_is_not_started_before_it_is_asked_for(store: Store) -> None:
    identity = await store.write(identities.verify_domain, HERE, "example.com", NOW, True)
    assert (identity.dkim.verification.status, identity.dkim.is_enabled, identity.dkim.selectors) == (
        "NotStarted",
        False,
        [],
    )


async def test_who_confirmed_an_address_is_told(store: Store) -> None:
    await store.write(identities.verify_address, HERE, "jo@example.com", NOW, False)
    identity = await store.write(identities.mark_verified, HERE, "jo@example.com", "e-mail", NOW + 7)
    assert (identity.status, identity.verified_by, identity.verified_at) == ("Success", "e-mail", NOW + 7)
    with pytest.raises(IdentityMissing):
        await store.write(identities.mark_verified, HERE, "al@example.com", "e-mail", NOW)


async def test_what_nobody_confirmed_fails_and_can_be_started_again(store: Store) -> None:
    await store.write(identities.verify_address, HERE, "jo@example.com", NOW, False)
    assert (await store.write(identities.mark_failed, HERE, "jo@example.com", NOW + 1)).status == "Failed"
    again = await store.write(identities.verify_address, HERE, "jo@example.com", NOW + 2, False)
    assert (again.status, again.verification.since) == ("Pending", NOW + 2)


async def test_what_is_verified_meanwhile_does_not_fail(store: Store) -> None:
    await store.write(identities.vouch, HERE, "jo@example.com", NOW)
    assert (await store.write(identities.mark_failed, HERE, "jo@example.com", NOW + 1)).status == "Success"


async def test_a_domain_is_looked_at_in_the_dns_and_an_address_is_not(store: Store) -> None:
    await store.write(identities.verify_domain, HERE, "example.com", NOW, False)
    await store.write(identities.verify_address, HERE, "jo@example.com", NOW, False)
    await store.write(identities.verify_domain, HERE, "dev.example", NOW, True)
    assert [entry.name for entry in await store.read(identity_queue.first, 10)] == ["example.com"]


async def test_a_deleted_domain_is_looked_at_no_more(store: Store) -> None:
    await store.write(identities.verify_domain, HERE, "example.com", NOW, False)
    await store.write(identities.delete, HERE, "example.com")
    assert await store.read(identity_queue.first, 10) == []


async def test_creating_twice_is_refused_whatever_the_case_of_the_domain(store: Store) -> None:
    await store.write(_create, "example.com")
    with pytest.raises(IdentityExists):
        await store.write(_create, "EXAMPLE.COM")


async def test_addresses_that_differ_in_the_case_of_the_local_part_are_two_identities(store: Store) -> None:
    await store.write(_create, "jo@example.com")
    await store.write(_create, "Jo@example.com")
    assert (await store.read(identities.get, HERE, "JO@example.com")) is None


async def test_a_name_that_is_none_creates_nothing(store: Store) -> None:
    with pytest.raises(InvalidIdentity):
        await store.write(_create, "no domain")
    assert (await store.read(identities.list_page, HERE, Filter(), None, None)).identities == []


async def test_an_identity_belongs_to_one_account_in_one_region(store: Store) -> None:
    await store.write(_create, "example.com")
    for scope in (ELSEWHERE, SOMEBODY):
        assert await store.read(identities.get, scope, "example.com") is None
        with pytest.raises(IdentityMissing):
            await store.write(identities.delete_existing, scope, "example.com")
    assert await store.read(identities.get, HERE, "example.com") is not None


async def test_deleting_what_is_not_there_is_told(store: Store) -> None:
    await store.write(_create, "example.com")
    assert await store.write(identities.delete, HERE, "Example.com")
    assert not await store.write(identities.delete, HERE, "example.com")
    with pytest.raises(IdentityMissing, match=r"Identity example.com does not exist."):
        await store.write(identities.delete_existing, HERE, "example.com")


async def test_one_more_than_the_limit_is_refused_and_not_kept(store: Store) -> None:
    await store.write(_fill)
    with pytest.raises(LimitReached):
        await store.write(_create, "example.com")
    assert await store.read(identities.get, HERE, "example.com") is None


async def test_what_is_asked_for_comes_back_under_the_name_it_was_asked_by(store: Store) -> None:
    await store.write(_create, "example.com")
    found = await store.read(identities.asked_for, HERE, ["EXAMPLE.com", "missing.example"])
    assert {asked: identity.name for asked, identity in found.items()} == {"EXAMPLE.com": "example.com"}


async def test_more_than_a_hundred_are_not_answered_at_a_time(store: Store) -> None:
    names = [f"d{number}.example" for number in range(101)]
    assert await store.read(identities.asked_for, HERE, names[:100]) == {}
    with pytest.raises(Invalid):
        await store.read(identities.asked_for, HERE, names)


async def test_lists_are_narrowed_by_type_status_and_name(store: Store) -> None:
    for name in ("example.com", "example.net", "jo@example.com"):
        await store.write(_create, name)
    await store.write(identities.vouch, HERE, "example.net", NOW)

    async def names(wanted: Filter) -> list[str]:
        return [one.name for one in (await store.read(identities.list_page, HERE, wanted, None, None)).identities]

    assert await names(Filter()) == ["example.com", "example.net", "jo@example.com"]
    assert await names(Filter(domains=True)) == ["example.com", "example.net"]
    assert await names(Filter(domains=False)) == ["jo@example.com"]
    assert await names(Filter(status="Success")) == ["example.net"]
    assert await names(Filter(contains="EXAMPLE.C")) == ["example.com", "jo@example.com"]


async def test_only_verified_addresses_are_listed_as_verified(store: Store) -> None:
    for name in ("example.com", "jo@example.com"):
        await store.write(identities.vouch, HERE, name, NOW)
    await store.write(_create, "new@example.com")
    assert await store.read(identities.verified_addresses, HERE) == ["jo@example.com"]


async def test_a_default_configuration_set_must_exist(store: Store) -> None:
    await store.write(_create, "example.com")
    with pytest.raises(ConfigurationSetMissing):
        await store.write(identities.set_configuration_set, HERE, "example.com", "news", NOW)

    await store.write(configuration_sets.create, HERE, "news", NOW)
    await store.write(identities.set_configuration_set, HERE, "example.com", "news", NOW)
    identity = await store.read(identities.existing, HERE, "example.com")
    assert identity.default_configuration_set == "news"

    await store.write(identities.set_configuration_set, HERE, "example.com", None, NOW)
    identity = await store.read(identities.existing, HERE, "example.com")
    assert identity.default_configuration_set is None


async def test_topics_are_set_and_taken_away_by_type(store: Store) -> None:
    await store.write(_create, "example.com")
    await store.write(nouns.create, HERE, "topic", "feedback", "{}", NOW)
    await store.write(identities.set_topic, HERE, "example.com", "Bounce", TOPIC, NOW)
    await store.write(identities.set_topic, HERE, "example.com", "Complaint", TOPIC, NOW)
    await store.write(identities.set_topic, HERE, "example.com", "Bounce", None, NOW)
    assert (await store.read(identities.existing, HERE, "example.com")).topics == {"Complaint": TOPIC}


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sns:us-east-1:111111111111:missing",
        "arn:aws:sns:eu-west-1:111111111111:feedback",
        "arn:aws:sns:us-east-1:222222222222:feedback",
        "arn:aws:sqs:us-east-1:111111111111:feedback",
        "arn:aws:sns:us-east-1:111111111111:feedback.fifo",
        "feedback",
    ],
)
async def test_a_topic_that_ses_cannot_publish_to_is_refused(store: Store, arn: str) -> None:
    await store.write(_create, "example.com")
    for scope in (HERE, ELSEWHERE, SOMEBODY):
        for name in ("feedback", "feedback.fifo"):
            await store.write(nouns.create, scope, "topic", name, "{}", NOW)
    with pytest.raises(InvalidTopic, match=f"SNS topic <{arn}> "):
        await store.write(identities.set_topic, HERE, "example.com", "Bounce", arn, NOW)


async def test_v1_switches_forwarding_off_only_where_topics_replace_it(store: Store) -> None:
    await store.write(_create, "example.com")
    await store.write(nouns.create, HERE, "topic", "feedback", "{}", NOW)
    await store.write(identities.set_topic, HERE, "example.com", "Bounce", TOPIC, NOW)
    with pytest.raises(Invalid, match="both bounce and complaint"):
        await store.write(identities.set_feedback_forwarding_or_topics, HERE, "example.com", False, NOW)

    await store.write(identities.set_topic, HERE, "example.com", "Complaint", TOPIC, NOW)
    await store.write(identities.set_feedback_forwarding_or_topics, HERE, "example.com", False, NOW)
    assert not (await store.read(identities.existing, HERE, "example.com")).feedback_forwarding

    await store.write(identities.set_feedback_forwarding_or_topics, HERE, "example.com", True, NOW)
    assert (await store.read(identities.existing, HERE, "example.com")).feedback_forwarding


async def test_v2_switches_forwarding_off_without_topics(store: Store) -> None:
    await store.write(_create, "example.com")
    await store.write(identities.set_feedback_forwarding, HERE, "example.com", False, NOW)
    assert not (await store.read(identities.existing, HERE, "example.com")).feedback_forwarding


async def test_headers_are_included_by_type(store: Store) -> None:
    await store.write(_create, "example.com")
    for kind in ("Delivery", "Bounce", "Bounce"):
        await store.write(identities.set_headers, HERE, "example.com", kind, True, NOW)
    await store.write(identities.set_headers, HERE, "example.com", "Delivery", False, NOW)
    assert (await store.read(identities.existing, HERE, "example.com")).headers_in == ["Bounce"]


@pytest.mark.parametrize(
    ("planner", "args"),
    [
        (identities.set_headers, ("Bounce", True)),
        (identities.set_topic, ("Bounce", None)),
        (identities.set_feedback_forwarding, (True,)),
        (identities.set_feedback_forwarding_or_topics, (True,)),
        (identities.set_configuration_set, (None,)),
    ],
)
async def test_what_does_not_exist_cannot_be_changed(store: Store, planner, args) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(IdentityMissing):
        await store.write(planner, HERE, "example.com", *args, NOW)
