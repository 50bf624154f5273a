"""Contact lists in v2."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pillarbox.kit.ids import Scope
from pillarbox.store import contacts
from pillarbox.store.contacts import ContactRow
from tests.support.refused import refused
from tests.support.server import Server

NEWS = {
    "TopicName": "news",
    "DisplayName": "News",
    "Description": "What is new.",
    "DefaultSubscriptionStatus": "OPT_IN",
}
OFFERS = {"TopicName": "offers", "DisplayName": "Offers", "DefaultSubscriptionStatus": "OPT_OUT"}


@pytest.fixture
def ses(server: Server) -> Any:
    """A v2 client of an account with a list."""
    client = server.client("sesv2")
    client.create_contact_list(
        ContactListName="readers", Topics=[NEWS, OFFERS], Description="All.", Tags=[{"Key": "a", "Value": "b"}]
    )
    return client


def test_create_contact_list_is_found_by_get_contact_list(ses: Any) -> None:
    found = ses.get_contact_list(ContactListName="readers")
    for member in ("CreatedTimestamp", "LastUpdatedTimestamp"):
        assert abs(datetime.now(UTC) - found.pop(member)) < timedelta(minutes=1)
    del found["ResponseMetadata"]
    assert found == {
        "ContactListName": "readers",
        "Topics": [NEWS, OFFERS],
        "Description": "All.",
        "Tags": [{"Key": "a", "Value": "b"}],
    }


def test_list_contact_lists_lists_it(ses: Any) -> None:
    (found,) = ses.list_contact_lists()["ContactLists"]
    assert found["ContactListName"] == "readers"


def test_an_account_has_one_list(ses: Any) -> None:
    with refused("AlreadyExistsException"):
        ses.create_contact_list(ContactListName="readers")
    with refused("LimitExceededException"):
        ses.create_contact_list(ContactListName="others")


def test_a_list_belongs_to_its_region(ses: Any, server: Server) -> None:
    elsewhere = server.client("sesv2", region="eu-west-1")
    assert elsewhere.list_contact_lists()["ContactLists"] == []
    with refused("NotFoundException", "List with name: readers doesn't exist.", 404):
        elsewhere.get_contact_list(ContactListName="readers")


def test_update_contact_list_replaces_topics_and_keeps_tags(ses: Any) -> None:
    ses.update_contact_list(ContactListName="readers", Topics=[OFFERS])
    found = ses.get_contact_list(ContactListName="readers")
    assert found["Topics"] == [OFFERS]
    assert "Description" not in found
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]
    with refused("NotFoundException", status=404):
        ses.update_contact_list(ContactListName="nobody", Topics=[])


@pytest.mark.parametrize(
    "topics",
    [
        [{**NEWS, "TopicName": f"t{number}"} for number in range(21)],
        [NEWS, NEWS],
        [{**NEWS, "TopicName": "a b"}],
        [{**NEWS, "TopicName": ""}],
        [{**NEWS, "DisplayName": ""}],
        [{**NEWS, "Description": "x" * 501}],
    ],
)
def test_topics_are_at_most_20_with_names_of_their_own(ses: Any, topics: list[dict[str, str]]) -> None:
    with refused("BadRequestException"):
        ses.update_contact_list(ContactListName="readers", Topics=topics)
    ses.update_contact_list(
        ContactListName="readers", Topics=[{**NEWS, "TopicName": f"t{number}"} for number in range(20)]
    )


def test_delete_contact_list_takes_its_contacts_with_it(ses: Any, server: Server) -> None:
    scope = Scope(server.account, "us-east-1")
    rows = [ContactRow(*scope, "readers", f"{number:05}@example.net", 0, "{}", "", 1, 1) for number in range(2_001)]
    listening = server.running.listening
    server.running.run(listening.store.write(contacts.put, rows))

    ses.delete_contact_list(ContactListName="readers")

    assert ses.list_contact_lists()["ContactLists"] == []
    ses.create_contact_list(ContactListName="readers")
    assert ses.list_contacts(ContactListName="readers")["Contacts"] == []
    ses.delete_contact_list(ContactListName="readers")
    with refused("NotFoundException", status=404):
        ses.delete_contact_list(ContactListName="readers")


def test_a_list_is_tagged_like_any_resource(ses: Any, server: Server) -> None:
    arn = f"arn:aws:ses:us-east-1:{server.account}:contact-list/readers"
    ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    ses.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
