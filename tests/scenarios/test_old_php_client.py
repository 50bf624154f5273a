"""The request of a PHP client of ten years ago, byte for byte: signed by its date alone, its parameters sorted as text.

It is what `SimpleEmailService` for PHP makes with cURL, for which the setting
`sigv3` is there.
"""

import hmac
import http.client
import socket
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import quote

import pytest

from pillarbox.store import messages
from tests.support.server import Server

# PHP's rawurlencode, with `~` as it is; http_build_query is not used, and the keys are sorted as text.
Pairs = Sequence[tuple[str, str]]
SEND: Pairs = (
    ("Action", "SendEmail"),
    ("Destination.ToAddresses.member.1", "ada@example.net"),
    ("Destination.ToAddresses.member.2", "Bob ~ <bob@example.net>"),
    ("Message.Body.Html.Charset", "UTF-8"),
    ("Message.Body.Html.Data", "<p>Grüße & more</p>"),
    ("Message.Body.Text.Charset", "UTF-8"),
    ("Message.Body.Text.Data", "Grüße\n& more = 1+1"),
    ("Message.Subject.Charset", "UTF-8"),
    ("Message.Subject.Data", "Grüße ~ all"),
    ("ReplyToAddresses.member.1", "help@example.com"),
    ("ReturnPath", "jo@example.com"),
    ("Source", "Jo <jo@example.com>"),
)


def query(pairs: Pairs) -> str:
    return "&".join(sorted(f"{name}={quote(value, safe='-_.~')}" for name, value in pairs))


def asked(server: Server, verb: str, pairs: Pairs) -> bytes:
    """Return the bytes that the client sends, with its headers in its order."""
    date = format_datetime(datetime.now(UTC), usegmt=True)
    signature = b64encode(hmac.digest(server.secret.encode(), date.encode(), sha256)).decode()
    told = query(pairs)
    head = [
        f"{verb} /{'' if verb == 'POST' else '?' + told} HTTP/1.1",
        "User-Agent: SimpleEmailService/php",
        "Accept: */*",
        f"Date: {date}",
        f"Host: {server.endpoint.removeprefix('http://')}",
        f"X-Amzn-Authorization: AWS3-HTTPS AWSAccessKeyId={server.key_id},Algorithm=HmacSHA256,Signature={signature}",
    ]
    if verb == "POST":
        head += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(told)}"]
    return "\r\n".join([*head, "", told if verb == "POST" else ""]).encode("ascii")


def answer_to(server: Server, request: bytes) -> tuple[int, str]:
    port = int(server.endpoint.rpartition(":")[2])
    with socket.create_connection(("localhost", port), timeout=30) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read().decode()


def test_a_mail_of_the_client_is_sent(production: Server) -> None:
    production.vouch("example.com")
    request = asked(production, "POST", SEND)
    assert b"Destination.ToAddresses.member.2=Bob%20~%20%3Cbob%40example.net%3E&" in request

    status, text = answer_to(production, request)

    assert status == 200
    message_id = text.partition("<MessageId>")[2].partition("</MessageId>")[0]
    row = production.read(messages.get, message_id)
    assert row is not None and (row.subject, row.sender) == ("Grüße ~ all", "Jo <jo@example.com>")
    recipients = [one.address for one in production.read(messages.recipients_of, message_id)]
    assert recipients == ["ada@example.net", "bob@example.net"]


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
def test_what_is_asked_in_the_query_is_answered(production: Server, verb: str) -> None:
    production.vouch("old@example.com")
    pairs = [("Action", "DeleteVerifiedEmailAddress"), ("EmailAddress", "old@example.com")]
    if verb == "GET":
        pairs = [("Action", "ListVerifiedEmailAddresses")]

    status, text = answer_to(production, asked(production, verb, pairs))

    assert status == 200
    assert ("<member>old@example.com</member>" in text) is (verb == "GET")
    left = production.client("ses").list_identities(IdentityType="EmailAddress")["Identities"]
    assert left == (["old@example.com"] if verb == "GET" else [])


def test_a_mail_whose_date_was_changed_is_refused(production: Server) -> None:
    request = asked(production, "POST", SEND)
    year = str(datetime.now(UTC).year).encode()

    status, text = answer_to(production, request.replace(b" " + year + b" ", b" 2014 ", 1))

    assert (status, "<Code>SignatureDoesNotMatch</Code>" in text) == (403, True)
