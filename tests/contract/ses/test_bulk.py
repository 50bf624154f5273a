"""Sending to many destinations in v1: a message for each, and what is refused as a whole."""

import json
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from pillarbox.kit.ids import read_message_id
from pillarbox.store import events, messages, outgoing
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.set_up import mail_from_that_is_not_verified, pool_that_is_gone

HELLO = {
    "TemplateName": "hello",
    "SubjectPart": "Hello, {{name}}",
    "TextPart": "Hi {{name}}, {{#if more}}there is more{{else}}that is all{{/if}}",
}


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v1 client of an account that may send from `example.com` and has the template `hello`."""
    client = server.client("ses")
    client.verify_domain_identity(Domain="example.com")
    client.create_template(Template=HELLO)
    return client


def to(*addresses: str, data: str | None = None, tags: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a destination."""
    made: dict[str, Any] = {"Destination": {"ToAddresses": list(addresses)}}
    if data is not None:
        made["ReplacementTemplateData"] = data
    if tags:
        made["ReplacementTags"] = [{"Name": name, "Value": value} for name, value in tags.items()]
    return made


def send(client, *destinations: dict[str, Any], **changes: Any) -> list[dict[str, str]]:  # type: ignore[no-untyped-def]
    params = {
        "Source": "jo@example.com",
        "Template": "hello",
        "DefaultTemplateData": '{"name": "all", "more": true}',
        "Destinations": destinations or [to("a@example.net")],
    }
    told: list[dict[str, str]] = client.send_bulk_templated_email(**params | changes)["Status"]
    return told


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


def test_each_destination_gets_a_message_of_its_own_in_the_order_of_the_call(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    results = send(ses, *[to(f"a{number}@example.net", data=f'{{"name": "{number}"}}') for number in range(50)])
    server.settle()
    assert {result["Status"] for result in results} == {"Success"}
    assert not any("Error" in result for result in results)
    assert len({result["MessageId"] for result in results}) == 50
    for number, result in enumerate(results):
        parts = read_message_id(result["MessageId"])
        assert parts is not None
        assert parts.region == "us-east-1"
        found = delivered(server, result["MessageId"])
        assert (found["To"], found["Subject"]) == (f"a{number}@example.net", f"Hello, {number}")
        assert found.get_content().strip() == f"Hi {number}, that is all"
    assert told(server, results[7]["MessageId"]) == ["Send", "Delivery"]
    assert len({row(server, result["MessageId"]).send_id for result in results}) == 1


@pytest.mark.parametrize(
    ("data", "subject"), [(None, "Hello, all"), ("{}", "Hello, all"), ('{"name": "Zoë"}', "Hello, Zoë")]
)
def test_the_default_data_is_for_those_who_bring_none(server: Server, ses, data: str | None, subject: str) -> None:  # type: ignore[no-untyped-def]
    (result,) = send(ses, to("a@example.net", data=data))
    server.settle()
    assert delivered(server, result["MessageId"])["Subject"] == subject


def test_a_message_has_what_the_call_gives_for_all(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSet={"Name": "news"})
    (result,) = send(
        ses,
        {
            "Destination": {
                "ToAddresses": ["a@example.net"],
                "CcAddresses": ["b@example.net"],
                "BccAddresses": ["c@example.net"],
            }
        },
        Source="Jo <jo@example.com>",
        ReplyToAddresses=["re@example.org"],
        ReturnPath="back@example.com",
        ConfigurationSetName="news",
    )
    server.settle()
    kept = row(server, result["MessageId"])
    assert (kept.operation, kept.configuration_set, kept.recipient_count) == ("SendBulkTemplatedEmail", "news", 3)
    assert json.loads(kept.mail)["return_path"] == "back@example.com"
    first = server.read(outgoing.captures_of, result["MessageId"])[0]
    raw = server.running.run(server.running.listening.store.body(first.body))
    found = message_from_bytes(raw, policy=default)
    assert (found["From"], found["Cc"], found["Bcc"], found["Reply-To"]) == (
        "Jo <jo@example.com>",
        "b@example.net",
        None,
        "re@example.org",
    )


def test_a_tag_of_a_destination_replaces_the_default_of_its_name(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    results = send(
        ses,
        to("a@example.net", tags={"kind": "own", "id": "7"}),
        to("b@example.net"),
        DefaultTags=[{"Name": "kind", "Value": "all"}, {"Name": "campaign", "Value": "may"}],
    )
    own, plain = [json.loads(row(server, result["MessageId"]).mail)["tags"] for result in results]
    assert (own["kind"], own["campaign"], own["id"]) == (["own"], ["may"], ["7"])
    assert (plain["kind"], plain["campaign"], plain.get("id")) == (["all"], ["may"], None)
    assert own["ses:operation"] == ["SendBulkTemplatedEmail"]


def test_a_destination_that_is_refused_is_told_in_its_place(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    results = send(
        ses,
        to("a@example.net"),
        to("b@example.net", "nobody"),
        to(),
        to("c@example.net", data="{"),
        to("d@example.net", tags={"a b": "c"}),
        to("e@example.net"),
    )
    assert [result["Status"] for result in results] == ["Success", *["InvalidParameterValue"] * 4, "Success"]
    assert results[1] == {"Status": "InvalidParameterValue", "Error": "Missing final '@domain'"}
    assert results[2]["Error"] == "There are no recipients specified"
    assert results[4]["Error"].startswith("Invalid tag name <a b>")
    assert count(server) == 2


def test_the_answer_is_a_success_even_if_no_destination_was(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    assert [result["Status"] for result in send(ses, to("nobody"), to())] == ["InvalidParameterValue"] * 2
    assert count(server) == 0


def test_data_that_lacks_an_attribute_is_told_as_an_event(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    lacking, whole = send(ses, to("a@example.net", data='{"nome": "Jo"}'), to("b@example.net"))
    server.settle()
    assert (lacking["Status"], whole["Status"]) == ("Success", "Success")
    assert told(server, lacking["MessageId"]) == ["Send", "Rendering Failure"]
    fact = server.read(events.of_message, lacking["MessageId"])[1].fact
    assert "Attribute 'name' is not present in the rendering data." in fact
    assert server.read(outgoing.captures_of, lacking["MessageId"]) == []
    assert told(server, whole["MessageId"]) == ["Send", "Delivery"]


def test_what_all_destinations_have_in_common_is_refused_as_a_whole(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:template/hello"
    with refused("MessageRejected"):
        send(ses, Source="jo@b.example")
    with refused("InvalidParameterValue", "Missing final '@domain'"):
        send(ses, Source="jo")
    with refused("TemplateDoesNotExist", "Template bye does not exist.", TemplateName="bye"):
        send(ses, Template="bye")
    with refused("InvalidParameterValue"):
        send(ses, TemplateArn=arn + "2")
    with refused(
        "ConfigurationSetDoesNotExist", "Configuration set <news> does not exist.", ConfigurationSetName="news"
    ):
        send(ses, ConfigurationSetName="news")
    with refused("InvalidParameterValue"):
        send(ses, DefaultTemplateData="[]")
    with refused("AccessDenied", status=403):
        send(ses, SourceArn="arn:aws:ses:us-east-1:999999999976:identity/example.com")
    with refused("InvalidParameterValue", "Destination count exceeds 50."):
        send(ses, *[to("a@example.net")] * 51)
    with refused("InvalidParameterValue", "There are no destinations specified"):
        send(ses, Destinations=[])
    assert count(server) == 0
    send(ses, TemplateArn=arn)
    assert count(server) == 1


def test_a_paused_account_or_set_sends_to_nobody(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    ses.create_configuration_set(ConfigurationSet={"Name": "news"})
    ses.update_configuration_set_sending_enabled(ConfigurationSetName="news", Enabled=False)
    with refused("ConfigurationSetSendingPausedException", ConfigurationSetName="news"):
        send(ses, ConfigurationSetName="news")
    ses.update_account_sending_enabled(Enabled=False)
    with refused("AccountSendingPausedException"):
        send(ses)
    assert count(server) == 0


def test_nothing_is_sent_without_the_mail_from_domain_when_the_identity_says_so(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    mail_from_that_is_not_verified(server, "example.com")

    with refused("MailFromDomainNotVerifiedException"):
        send(ses)


def test_a_pool_that_is_gone_is_told_in_the_status_of_each_entry(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    pool_that_is_gone(server, "dedicated")

    (status,) = send(ses, ConfigurationSetName="dedicated")
    assert status == {"Status": "InvalidSendingPoolName", "Error": "Sending pool <gone> does not exist."}
