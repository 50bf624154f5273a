"""Sending to many destinations in v2: a message for each entry, and what is refused as a whole."""

import json
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from pillarbox.store import events, messages, outgoing
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.set_up import mail_from_that_is_not_verified, pool_that_is_gone

CONTENT = {"Subject": "Hello, {{name}}", "Text": "Hi {{name}}"}


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v2 client of an account that may send from `example.com` and has the template `hello`."""
    client = server.client("sesv2")
    client.create_email_identity(EmailIdentity="example.com")
    client.create_email_template(TemplateName="hello", TemplateContent=CONTENT)
    return client


def to(*addresses: str, data: str | None = None, **members: Any) -> dict[str, Any]:
    """Return an entry."""
    made: dict[str, Any] = {"Destination": {"ToAddresses": list(addresses)}, **members}
    if data is not None:
        made["ReplacementEmailContent"] = {"ReplacementTemplate": {"ReplacementTemplateData": data}}
    return made


def send(client, *entries: dict[str, Any], template: dict[str, Any] | None = None, **changes: Any) -> Any:  # type: ignore[no-untyped-def]
    """Send from jo@example.com; `template` changes the default content; a change to None leaves a parameter out."""
    params: dict[str, Any] = {
        "FromEmailAddress": "jo@example.com",
        "DefaultContent": {
            "Template": {"TemplateName": "hello", "TemplateData": '{"name": "all"}'} if template is None else template
        },
        "BulkEmailEntries": entries or [to("a@example.net")],
    }
    params = {name: value for name, value in (params | changes).items() if value is not None}
    return client.send_bulk_email(**params)["BulkEmailEntryResults"]


def row(server: Server, message_id: str) -> messages.MessageRow:
    found = server.read(messages.get, message_id)
    assert found is not None
    return found


def delivered(server: Server, message_id: str) -> EmailMessage:
    """Return the one copy that was captured of a message."""
    (capture,) = server.read(outgoing.captures_of, message_id)
    found = message_from_bytes(server.running.run(server.running.listening.store.body(capture.body)), policy=default)
    assert isinstance(found, EmailMessage)
    return found


def told(server: Server, message_id: str) -> list[str]:
    return [event.kind for event in server.read(events.of_message, message_id)]


def count(server: Server) -> int:
    return len(server.read(messages.newest, messages.Search(account=server.account), 100))


def test_each_entry_gets_a_message_of_its_own_in_the_order_of_the_call(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    results = send(
        ses,
        to("a@example.net", data='{"name": "Ann"}'),
        to("b@example.net"),
        to("c@example.net", data="{}"),
        to("d@example.net", ReplacementEmailContent={}),
    )
    server.settle()
    assert [set(result) for result in results] == [{"Status", "MessageId"}] * 4
    assert {result["Status"] for result in results} == {"SUCCESS"}
    found = [delivered(server, result["MessageId"]) for result in results]
    assert [(one["To"], one["Subject"]) for one in found] == [
        ("a@example.net", "Hello, Ann"),
        ("b@example.net", "Hello, all"),
        ("c@example.net", "Hello, all"),
        ("d@example.net", "Hello, all"),
    ]
    kept = [row(server, result["MessageId"]) for result in results]
    assert {one.operation for one in kept} == {"SendBulkEmail"}
    assert len({one.send_id for one in kept}) == 1


def test_a_message_has_what_the_call_gives_for_all(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSetName="news")
    own, plain = send(
        ses,
        to("a@example.net", ReplacementTags=[{"Name": "kind", "Value": "own"}]),
        to("b@example.net"),
        ConfigurationSetName="news",
        ReplyToAddresses=["re@example.org"],
        FeedbackForwardingEmailAddress="back@example.com",
        DefaultEmailTags=[{"Name": "kind", "Value": "all"}, {"Name": "campaign", "Value": "may"}],
    )
    server.settle()
    kept = row(server, own["MessageId"])
    mail = json.loads(kept.mail)
    assert kept.configuration_set == "news"
    assert mail["return_path"] == "back@example.com"
    assert (mail["tags"]["kind"], mail["tags"]["campaign"]) == (["own"], ["may"])
    assert json.loads(row(server, plain["MessageId"]).mail)["tags"]["kind"] == ["all"]
    assert delivered(server, plain["MessageId"])["Reply-To"] == "re@example.org"


def test_a_header_of_an_entry_replaces_that_of_the_template(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    template = {
        "TemplateContent": {"Subject": "Hello", "Html": "<p>Hi</p>"},
        "Headers": [
            {"Name": "List-Unsubscribe", "Value": "<https://example.com/all>"},
            {"Name": "X-Campaign", "Value": "may"},
        ],
        "Attachments": [{"FileName": "a.txt", "RawContent": b"for all", "ContentType": "text/plain"}],
    }
    headers = [
        {"Name": "list-unsubscribe", "Value": "<https://example.com/a>"},
        {"Name": "X-Own", "Value": "yes"},
    ]
    results = send(ses, to("a@example.net", ReplacementHeaders=headers), to("b@example.net"), template=template)
    server.settle()
    own, plain = [delivered(server, result["MessageId"]) for result in results]
    assert own.get_all("List-Unsubscribe") == ["<https://example.com/a>"]
    assert (own["X-Campaign"], own["X-Own"]) == ("may", "yes")
    assert plain.get_all("List-Unsubscribe") == ["<https://example.com/all>"]
    assert (plain["X-Campaign"], plain["X-Own"]) == ("may", None)
    for message in (own, plain):
        (attachment,) = message.iter_attachments()
        assert attachment.get_content().strip() == "for all"


def test_an_entry_that_is_refused_is_told_in_its_place(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    results = send(
        ses,
        to("nobody"),
        to("a@example.net"),
        to("b@example.net", data="[]"),
        to("c@example.net", ReplacementHeaders=[{"Name": "Subject", "Value": "x"}]),
        {"Destination": {}},
    )
    assert [result["Status"] for result in results] == ["INVALID_PARAMETER", "SUCCESS", *["INVALID_PARAMETER"] * 3]
    assert results[0]["Error"] == "Missing final '@domain'"
    assert results[3]["Error"] == "Header 'Subject' cannot be set as a custom header."
    assert results[4] == {"Status": "INVALID_PARAMETER", "Error": "There are no recipients specified"}
    assert count(server) == 1


def test_the_answer_is_a_success_even_if_no_entry_was(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    assert [result["Status"] for result in send(ses, to("nobody"), to())] == ["INVALID_PARAMETER"] * 2
    assert count(server) == 0


def test_data_that_lacks_an_attribute_is_told_as_an_event(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    lacking, whole = send(
        ses, to("a@example.net"), to("b@example.net", data='{"name": "Jo"}'), template={"TemplateName": "hello"}
    )
    server.settle()
    assert (lacking["Status"], whole["Status"]) == ("SUCCESS", "SUCCESS")
    assert told(server, lacking["MessageId"]) == ["Send", "Rendering Failure"]
    assert told(server, whole["MessageId"]) == ["Send", "Delivery"]


def test_what_all_entries_have_in_common_is_refused_as_a_whole(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    with refused("MessageRejected"):
        send(ses, FromEmailAddress="jo@b.example")
    with refused("BadRequestException", "Missing required header 'From'."):
        send(ses, FromEmailAddress=None)
    with refused("NotFoundException", "Template bye does not exist.", 404):
        send(ses, template={"TemplateName": "bye"})
    with refused("NotFoundException", "Configuration set <news> does not exist.", 404):
        send(ses, ConfigurationSetName="news")
    with refused("BadRequestException"):
        send(ses, template={"TemplateName": "hello", "TemplateData": "[]"})
    with refused("BadRequestException"):
        send(ses, template={"TemplateContent": {"Subject": "Hello", "Text": "{{#if a}}"}})
    with refused("BadRequestException"):
        send(ses, template={})
    with refused("BadRequestException", "DefaultContent must be a Template."):
        send(ses, DefaultContent={})
    with refused("AccessDeniedException", status=403):
        send(ses, FromEmailAddressIdentityArn="arn:aws:ses:us-east-1:999999999975:identity/example.com")
    with refused("NotFoundException", status=404):
        send(ses, TenantName="t")
    with refused("BadRequestException", "Destination count exceeds 50."):
        send(ses, *[to("a@example.net")] * 51)
    with refused("BadRequestException", "There are no destinations specified"):
        send(ses, BulkEmailEntries=[])
    assert count(server) == 0


def test_a_paused_account_or_set_sends_to_nobody(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSetName="news", SendingOptions={"SendingEnabled": False})
    with refused("SendingPausedException"):
        send(ses, ConfigurationSetName="news")
    ses.put_account_sending_attributes(SendingEnabled=False)
    with refused("SendingPausedException"):
        send(ses)
    assert count(server) == 0


def test_nothing_is_sent_without_the_mail_from_domain_when_the_identity_says_so(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    mail_from_that_is_not_verified(server, "example.com")

    with refused("MailFromDomainNotVerifiedException"):
        send(ses)


def test_a_pool_that_is_gone_is_told_in_the_status_of_each_entry(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    pool_that_is_gone(server, "dedicated")

    (result,) = send(ses, ConfigurationSetName="dedicated")
    assert result == {"Status": "INVALID_SENDING_POOL_NAME", "Error": "Sending pool <gone> does not exist."}


@pytest.mark.parametrize(
    ("chosen", "opens", "clicks"),
    [
        ({"OpenTrackingEnabled": "ENABLED"}, True, False),
        ({"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "ENABLED"}, False, True),
    ],
)
def test_what_is_overridden_counts_for_every_entry(  # type: ignore[no-untyped-def]
    server: Server, ses, chosen: dict[str, str], opens: bool, clicks: bool
) -> None:
    template = {"TemplateContent": {"Subject": "x", "Html": '<a href="https://example.org/">x</a>'}}
    entries, overrides = (to("a@example.net"), to("b@example.net")), {"Tracking": chosen}
    results = send(ses, *entries, template=template, ConfigurationOverrides=overrides)
    server.settle()

    for result in results:
        html = delivered(server, result["MessageId"]).get_content()
        assert ("/CI0/" in html, "/CL0/" in html) == (opens, clicks)
