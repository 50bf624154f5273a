"""The contacts of a list in v2."""

from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server

LIST = {"ContactListName": "readers"}
NEWS = {"TopicName": "news", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
OFFERS = {"TopicName": "offers", "DisplayName": "Offers", "DefaultSubscriptionStatus": "OPT_OUT"}
DEFAULTS = [
    {"TopicName": "news", "SubscriptionStatus": "OPT_IN"},
    {"TopicName": "offers", "SubscriptionStatus": "OPT_OUT"},
]


def said(**statuses: str) -> list[dict[str, str]]:
    return [{"TopicName": name, "SubscriptionStatus": status} for name, status in statuses.items()]


@pytest.fixture
def ses(server: Server) -> Any:
    """A v2 client of an account with a list of four."""
    client = server.client("sesv2")
    client.create_contact_list(**LIST, Topics=[NEWS, OFFERS])
    client.create_contact(
        **LIST, EmailAddress="ada@EXAMPLE.net", TopicPreferences=said(offers="OPT_IN"), AttributesData='{"age":36}'
    )
    client.create_contact(**LIST, EmailAddress="bob@example.net", TopicPreferences=said(news="OPT_OUT"))
    client.create_contact(**LIST, EmailAddress="cy@example.net", UnsubscribeAll=True)
    client.create_contact(**LIST, EmailAddress="dan@example.net")
    return client


def addresses(ses: Any, **narrowed: Any) -> list[str]:
    found = ses.list_contacts(**LIST, **narrowed)["Contacts"]
    return [one["EmailAddress"].partition("@")[0] for one in found]


def test_create_contact_is_found_by_get_contact(ses: Any) -> None:
    found = ses.get_contact(**LIST, EmailAddress="ada@example.NET")
    assert found.pop("CreatedTimestamp") == found.pop("LastUpdatedTimestamp")
    del found["ResponseMetadata"]
    assert found == {
        "ContactListName": "readers",
        "EmailAddress": "ada@example.net",
        "TopicPreferences": said(offers="OPT_IN"),
        "TopicDefaultPreferences": DEFAULTS,
        "UnsubscribeAll": False,
        "AttributesData": '{"age":36}',
    }


def test_create_contact_refuses_who_is_there_and_what_is_no_contact(ses: Any) -> None:
    with refused("AlreadyExistsException"):
        ses.create_contact(**LIST, EmailAddress="ada@example.net")
    with refused("NotFoundException", status=404):
        ses.create_contact(ContactListName="nobody", EmailAddress="eve@example.net")
    with refused("NotFoundException", status=404):
        ses.create_contact(**LIST, EmailAddress="eve@example.net", TopicPreferences=said(sport="OPT_IN"))
    for wrong in ("", "eve", "Eve <eve@example.net>", "eve@example.net, fay@example.net"):
        with refused("BadRequestException"):
            ses.create_contact(**LIST, EmailAddress=wrong)
    with refused("BadRequestException"):
        ses.create_contact(**LIST, EmailAddress="eve@example.net", AttributesData="{")
    assert addresses(ses) == ["ada", "bob", "cy", "dan"]


def test_update_contact_replaces_all_that_was_said(ses: Any) -> None:
    ses.update_contact(**LIST, EmailAddress="ada@example.net", TopicPreferences=said(news="OPT_OUT"))
    found = ses.get_contact(**LIST, EmailAddress="ada@example.net")
    assert found["TopicPreferences"] == said(news="OPT_OUT")
    assert "AttributesData" not in found
    with refused("NotFoundException", status=404):
        ses.update_contact(**LIST, EmailAddress="eve@example.net")


def test_delete_contact_removes_one(ses: Any) -> None:
    ses.delete_contact(**LIST, EmailAddress="bob@example.net")
    assert addresses(ses) == ["ada", "cy", "dan"]
    with refused("NotFoundException", "bob@example.net doesn't exist in List.", 404):
        ses.get_contact(**LIST, EmailAddress="bob@example.net")
    with refused("NotFoundException", status=404):
        ses.delete_contact(**LIST, EmailAddress="bob@example.net")


@pytest.mark.parametrize(
    ("status", "topic", "default_counts", "fit"),
    [
        ("OPT_IN", None, False, ["ada", "bob", "dan"]),
        ("OPT_OUT", None, False, ["cy"]),
        ("OPT_IN", "news", False, []),
        ("OPT_IN", "news", True, ["ada", "dan"]),
        ("OPT_OUT", "news", False, ["bob", "cy"]),
        ("OPT_IN", "offers", False, ["ada"]),
        ("OPT_OUT", "offers", True, ["bob", "cy", "dan"]),
    ],
)
def test_list_contacts_is_narrowed_to_who_wants_a_topic(
    ses: Any, status: str, topic: str | None, default_counts: bool, fit: list[str]
) -> None:
    narrowed: dict[str, Any] = {"FilteredStatus": status}
    if topic:
        narrowed["TopicFilter"] = {"TopicName": topic, "UseDefaultIfPreferenceUnavailable": default_counts}
    assert addresses(ses, Filter=narrowed) == fit


def test_list_contacts_turns_pages(ses: Any) -> None:
    seen, token = [], None
    while True:
        page = ses.list_contacts(**LIST, PageSize=1, **({"NextToken": token} if token else {}))
        seen += [one["EmailAddress"] for one in page["Contacts"]]
        token = page.get("NextToken")
        if not token:
            break
        assert len(page["Contacts"]) == 1
    assert seen == ["ada@example.net", "bob@example.net", "cy@example.net", "dan@example.net"]
    with refused("BadRequestException"):
        ses.list_contacts(**LIST, NextToken="?")
    with refused("NotFoundException", status=404):
        ses.list_contacts(**LIST, Filter={"FilteredStatus": "OPT_IN", "TopicFilter": {"TopicName": "sport"}})


def test_what_was_said_of_a_topic_that_is_gone_is_not_told(ses: Any) -> None:
    ses.update_contact_list(**LIST, Topics=[NEWS])
    found = ses.get_contact(**LIST, EmailAddress="ada@example.net")
    assert found["TopicPreferences"] == []
    assert found["TopicDefaultPreferences"] == DEFAULTS[:1]
