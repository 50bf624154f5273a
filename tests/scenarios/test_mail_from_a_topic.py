"""People who subscribe by mail confirm by a link, are told by mail, and leave by a link."""

import json
import re
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import Any

import pytest

from tests.support.mailbox import mail_to
from tests.support.server import Server

_LINK = re.compile(r"http://\S+\?Action=\S+")


@pytest.fixture
def topic(server: Server) -> str:
    attributes = {"DisplayName": "Grüße von uns"}
    arn: str = server.client("sns").create_topic(Name="news", Attributes=attributes)["TopicArn"]
    return arn


def text_of(mail: EmailMessage) -> str:
    body: str = mail.get_content()
    return body.replace("\r\n", "\n")


def follow(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def link_in(mail: EmailMessage) -> str:
    found = _LINK.search(text_of(mail))
    assert found, text_of(mail)
    return found[0]


def subscribed(server: Server, topic: str, protocol: str = "email") -> str:
    """Subscribe an address of this test's own, follow the link in the mail, and return the address."""
    address = f"{protocol}-{server.account}@example.net"
    answer = server.client("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=address)
    assert answer["SubscriptionArn"] == "pending confirmation"
    server.settle()
    (asked,) = mail_to(server, address)
    link = json.loads(text_of(asked))["SubscribeURL"] if protocol == "email-json" else link_in(asked)
    assert follow(link) == 200
    return address


def arn_of(server: Server, topic: str) -> str:
    (one,) = server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    arn: str = one["SubscriptionArn"]
    return arn


def told(server: Server, topic: str, address: str, **message: Any) -> list[EmailMessage]:
    """Publish, and return what came by mail after the confirmation."""
    server.client("sns").publish(TopicArn=topic, **message)
    server.settle()
    return [mail for mail in mail_to(server, address) if "Confirmation" not in str(mail["Subject"])]


def test_a_notification_comes_as_a_mail_with_a_link_to_leave_by(server: Server, topic: str) -> None:
    address = subscribed(server, topic)
    assert arn_of(server, topic).startswith(topic)
    (mail,) = told(server, topic, address, Subject="News", Message="Schöne Grüße")
    assert (str(mail["Subject"]), mail["To"].addresses[0].addr_spec) == ("News", address)
    sender = mail["From"].addresses[0]
    assert (sender.display_name, sender.username) == ("Grüße von uns", "no-reply")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert text_of(mail).startswith("Schöne Grüße\n")
    assert follow(link_in(mail)) == 200
    assert server.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_nobody_is_told_before_they_confirm(server: Server, topic: str) -> None:
    address = f"silent-{server.account}@example.net"
    server.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    assert told(server, topic, address, Message="x") == []


def test_a_message_of_its_own_is_for_mail(server: Server, topic: str) -> None:
    address = subscribed(server, topic)
    message = json.dumps({"default": "for all", "email": "for people"})
    (mail,) = told(server, topic, address, Message=message, MessageStructure="json")
    assert text_of(mail).startswith("for people\n")


def test_programs_get_the_document_by_mail(server: Server, topic: str) -> None:
    address = subscribed(server, topic, "email-json")
    (mail,) = told(server, topic, address, Message="hello")
    document = json.loads(text_of(mail))
    assert (document["Type"], document["Message"], document["TopicArn"]) == ("Notification", "hello", topic)
    assert document["Signature"]


def test_leaving_can_be_made_to_need_a_signature(server: Server, topic: str) -> None:
    address = subscribed(server, topic)
    server.client("sns").unsubscribe(SubscriptionArn=arn_of(server, topic))
    server.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    server.settle()
    token = link_in(mail_to(server, address)[-1]).rpartition("Token=")[2]
    arn = server.client("sns").confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    (mail,) = told(server, topic, address, Message="x")
    assert follow(link_in(mail)) == 403
    assert arn_of(server, topic) == arn["SubscriptionArn"]
