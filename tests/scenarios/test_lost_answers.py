"""An SDK that heard no answer asks again, and nothing is sent twice."""

import smtplib
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pillarbox.operate import messages
from tests.support.lossy import LossyWay
from tests.support.refused import refused
from tests.support.server import Server

SIMPLE = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "You"}}}
OWN_KEY = "pillarbox-idempotency-key"


@pytest.fixture
def way(server: Server) -> Iterator[LossyWay]:
    server.client("sesv2").create_email_identity(EmailIdentity="example.com")
    with LossyWay(server.endpoint) as passing:
        yield passing


def sdk(server: Server, way: LossyWay, service: str) -> Any:
    """Return a boto3 client as applications have it: it tries again by itself."""
    return boto3.client(
        service,
        endpoint_url=way.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.account,
        aws_secret_access_key="any",
        config=Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=30),
    )


def sent(server: Server) -> list[str]:
    """Return the MessageIds of everything that was promised to the account, oldest first."""
    store = server.running.listening.store
    page = server.running.run(messages.page(store, messages.Wanted(account=server.account, limit=200)))
    return [one.message_id for one in reversed(page.messages)]


def v1(client: Any, text: str = "You", **more: Any) -> str:
    answer = client.send_email(
        Source="jo@example.com",
        Destination={"ToAddresses": ["a@example.net"]},
        Message={"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": text}}},
        **more,
    )
    return str(answer["MessageId"])


def v2(client: Any, *, content: dict[str, Any] | None = None, **more: Any) -> str:
    answer = client.send_email(
        FromEmailAddress="jo@example.com",
        Destination={"ToAddresses": ["a@example.net"]},
        Content=content or {"Simple": SIMPLE},
        **more,
    )
    return str(answer["MessageId"])


def raw(client: Any) -> str:
    data = b"From: jo@example.com\r\nTo: a@example.net\r\nSubject: x\r\n\r\ny\r\n"
    return str(client.send_raw_email(RawMessage={"Data": data})["MessageId"])


def asking(client: Any) -> str:
    made = {"TemplateName": "welcome", "FromEmailAddress": "jo@example.com", "TemplateSubject": "x"}
    urls = dict.fromkeys(("SuccessRedirectionURL", "FailureRedirectionURL"), "https://example.com/")
    with suppress(ClientError):  # it is there already
        client.create_custom_verification_email_template(**made, **urls, TemplateContent="<p>Hi</p>")
    asked = {"EmailAddress": "ask@example.org", "TemplateName": "welcome"}
    return str(client.send_custom_verification_email(**asked)["MessageId"])


@pytest.mark.parametrize("service", ["ses", "sesv2"])
def test_a_mail_that_asks_for_an_address_is_sent_once_although_its_link_is_made_anew(
    server: Server, way: LossyWay, service: str
) -> None:
    asking(server.client(service))  # without a loss
    client = sdk(server, way, service)
    before = way.requests
    client.meta.events.register(f"before-call.{service}.SendCustomVerificationEmail", lambda **_: lose(way))
    message_id = asking(client)

    assert way.requests == before + 4  # the template, and three tries
    assert sent(server)[1:] == [message_id]


def lose(way: LossyWay) -> None:
    way.losing = 2


@pytest.mark.parametrize(("service", "send"), [("ses", v1), ("sesv2", v2), ("ses", raw)], ids=["v1", "v2", "raw"])
def test_the_second_try_gets_the_first_message_id(server: Server, way: LossyWay, service: str, send: Any) -> None:
    client = sdk(server, way, service)
    way.losing = 2
    message_id = send(client)

    assert way.requests == 3
    assert sent(server) == [message_id]


def test_two_calls_are_two_messages(server: Server, way: LossyWay) -> None:
    client = sdk(server, way, "ses")
    assert [v1(client), v1(client)] == sent(server)


def test_a_bulk_call_that_is_made_again_sends_no_entry_twice(server: Server, way: LossyWay) -> None:
    client = sdk(server, way, "sesv2")
    way.losing = 1
    results = client.send_bulk_email(
        FromEmailAddress="jo@example.com",
        DefaultContent={"Template": {"TemplateContent": {"Subject": "x", "Text": "y"}, "TemplateData": "{}"}},
        BulkEmailEntries=[
            {"Destination": {"ToAddresses": [to]}} for to in ("a@example.net", "a@example.net", "b@example.net")
        ],
    )["BulkEmailEntryResults"]

    assert [one["Status"] for one in results] == ["SUCCESS"] * 3
    assert sorted(one["MessageId"] for one in results) == sorted(sent(server))
    assert len(sent(server)) == 3


def test_a_key_of_ones_own_holds_for_calls_of_ones_own(server: Server, way: LossyWay) -> None:
    ses, sesv2 = sdk(server, way, "ses"), sdk(server, way, "sesv2")
    first = v1(ses, Tags=[{"Name": OWN_KEY, "Value": "order-17"}])
    assert v1(ses, Tags=[{"Name": OWN_KEY, "Value": "order-17"}]) == first
    with refused(
        "InvalidParameterValue", "The idempotency key <order-17> was used for another message in the last 24 hours."
    ):
        v1(ses, "Something else", Tags=[{"Name": OWN_KEY, "Value": "order-17"}])
    with refused(
        "BadRequestException", "The idempotency key <order-17> was used for another message in the last 24 hours."
    ):
        v2(sesv2, EmailTags=[{"Name": OWN_KEY, "Value": "order-17"}], ReplyToAddresses=["b@example.com"])
    assert sent(server) == [first]


def test_the_same_key_from_many_at_once_sends_one_message(server: Server, way: LossyWay) -> None:
    client = sdk(server, way, "ses")
    with ThreadPoolExecutor(12) as pool:
        ids = list(pool.map(lambda _: v1(client, Tags=[{"Name": OWN_KEY, "Value": "once"}]), range(24)))
    assert set(ids) == set(sent(server))
    assert len(sent(server)) == 1


@pytest.mark.parametrize("name", ["Pillarbox-Idempotency-Key", "X-Pillarbox-Idempotency-Key"])
def test_a_key_in_a_header_works_by_smtp_and_does_not_leave(server: Server, way: LossyWay, name: str) -> None:
    ids = [submit(server, f"{name}: smtp-1") for _ in range(2)]
    server.settle()

    assert [ids[0]] == sent(server) == list(dict.fromkeys(ids))
    from pillarbox.operate import history

    found = server.running.run(history.of(server.running.listening.store, ids[0], 0))
    left = server.running.run(server.running.listening.store.body(found.captured[0].body))
    assert b"idempotency" not in left.lower()
    assert OWN_KEY not in found.tags


def submit(server: Server, header: str) -> str:
    """Send by SMTP and return the MessageId of the reply."""
    with smtplib.SMTP("localhost", server.running.listening.smtp_port, timeout=30) as client:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.starttls(context=context)
        client.login(server.account, "us-east-1")
        client.mail("jo@example.com")
        client.rcpt("a@example.net")
        code, reply = client.data(f"From: jo@example.com\r\n{header}\r\nSubject: x\r\n\r\ny\r\n")
        assert code == 250, reply
        return reply.decode().rpartition(" ")[2]


def test_a_key_has_a_length(server: Server, way: LossyWay) -> None:
    data = b"From: jo@example.com\r\nTo: a@example.net\r\nX-Pillarbox-Idempotency-Key: " + b"k" * 256 + b"\r\n\r\ny\r\n"
    with refused("InvalidParameterValue", "An idempotency key has 1 to 255 characters."):
        sdk(server, way, "ses").send_raw_email(RawMessage={"Data": data})
