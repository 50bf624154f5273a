"""The owner of an address confirms it: from the call, by the captured mail, to the page and its button."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3
from playwright.sync_api import Browser

from tests.support.mailbox import link_in, mail_to
from tests.support.refused import refused
from tests.support.server import Server

TEMPLATE = {
    "TemplateName": "welcome",
    "FromEmailAddress": "Desk <desk@shop.example>",
    "TemplateSubject": "Willkommen in Köln",
    "TemplateContent": "<html><body><h1>Hallo!</h1></body></html>",
    "SuccessRedirectionURL": "https://shop.example/yes?a=1&b=2",
    "FailureRedirectionURL": "https://shop.example/no",
}


class Client:
    """Asks for one page at a time and follows nothing by itself."""

    def request(self, method: str, url: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, url, redirect=False, retries=False, timeout=20)

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager()

    def get(self, url: str) -> urllib3.BaseHTTPResponse:
        return self.request("GET", url)

    def post(self, url: str) -> urllib3.BaseHTTPResponse:
        return self.request("POST", url)


@pytest.fixture
def client() -> Client:
    return Client()


def status_of(server: Server, address: str) -> str:
    found = server.client("ses").get_identity_verification_attributes(Identities=[address])
    status: str = found["VerificationAttributes"][address]["VerificationStatus"]
    return status


def send_from(server: Server, address: str) -> None:
    server.client("ses").send_email(
        Source=address,
        Destination={"ToAddresses": ["jane@example.net"]},
        Message={"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}},
    )


@pytest.mark.parametrize(
    ("service", "operation", "member"),
    [
        ("ses", "verify_email_identity", "EmailAddress"),
        ("ses", "verify_email_address", "EmailAddress"),
        ("sesv2", "create_email_identity", "EmailIdentity"),
    ],
)
def test_an_address_is_verified_by_the_button_and_by_nothing_else(
    production: Server, client: Client, service: str, operation: str, member: str
) -> None:
    address = f"{operation}@{production.account}.example"
    getattr(production.client(service), operation)(**{member: address})
    assert status_of(production, address) == "Pending"
    with refused("MessageRejected"):
        send_from(production, address)
    (mail,) = mail_to(production, address)
    assert mail["From"] == "no-reply@pillarbox.localhost"
    assert mail["To"] == address
    assert mail["Auto-Submitted"] == "auto-generated"
    link = link_in(mail)
    assert address not in link

    for method in ("GET", "HEAD", "GET"):  # a scanner of links looks at it, and looks again
        page = client.request(method, link)
        assert page.status == 200
        assert status_of(production, address) == "Pending"
    assert "<button>" in page.data.decode()
    assert address in page.data.decode()
    assert "script" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"

    done = client.post(link)

    assert done.status == 200
    assert "confirmed" in done.data.decode()
    assert status_of(production, address) == "Success"
    send_from(production, address)
    assert "<button>" not in client.get(link).data.decode()


def test_asked_again_the_owner_gets_another_mail_and_either_link_works(production: Server, client: Client) -> None:
    address = f"again@{production.account}.example"
    ses = production.client("ses")
    ses.verify_email_identity(EmailAddress=address)
    ses.verify_email_identity(EmailAddress=address)
    older, newer = (link_in(mail) for mail in mail_to(production, address))
    assert older != newer
    assert client.post(older).status == 200
    assert status_of(production, address) == "Success"
    ses.verify_email_identity(EmailAddress=address)
    assert status_of(production, address) == "Success"
    assert len(mail_to(production, address)) == 2


def test_a_link_of_an_identity_that_was_deleted_verifies_no_later_one(production: Server, client: Client) -> None:
    address = f"gone@{production.account}.example"
    ses = production.client("ses")
    ses.verify_email_identity(EmailAddress=address)
    link = link_in(mail_to(production, address)[0])
    ses.delete_identity(Identity=address)
    assert client.post(link).status == 410
    ses.verify_email_identity(EmailAddress=address)
    assert client.post(link).status == 410
    assert status_of(production, address) == "Pending"


def test_a_link_that_was_changed_is_no_link(production: Server, client: Client) -> None:
    address = f"forged@{production.account}.example"
    production.client("ses").verify_email_identity(EmailAddress=address)
    link = link_in(mail_to(production, address)[0])
    place, _, sealed = link.rpartition("/")
    for text in ("", "x", "AA", sealed[:-8], sealed[4:], f"{sealed}AAAA", "%C3%A9", "x" * 5_000, "%00"):
        assert client.post(f"{place}/{text}").status == 404
    assert client.request("PUT", link).status == 405
    assert status_of(production, address) == "Pending"


@pytest.mark.parametrize("service", ["ses", "sesv2"])
def test_an_account_asks_in_its_own_words_and_leads_on_to_its_own_pages(
    production: Server, client: Client, service: str
) -> None:
    production.vouch("shop.example")
    ses = production.client(service)
    ses.create_custom_verification_email_template(**TEMPLATE)
    address = f"{service}@{production.account}.example"
    sent = ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
    assert len(sent["MessageId"]) == 60
    assert status_of(production, address) == "Pending"
    (mail,) = mail_to(production, address)
    assert mail["From"] == "Desk <desk@shop.example>"
    assert mail["Subject"] == "Willkommen in Köln"
    body = mail.get_body()
    assert body is not None
    content: str = body.get_content()
    assert content.index("Hallo!") < content.index("/verification/") < content.index("</body>")
    link = link_in(mail)
    assert "https:" in client.get(link).headers["content-security-policy"]

    done = client.post(link)

    assert (done.status, done.headers["location"]) == (303, TEMPLATE["SuccessRedirectionURL"])
    assert status_of(production, address) == "Success"
    production.client("ses").delete_identity(Identity=address)
    for method in ("GET", "POST"):
        failed = client.request(method, link)
        assert (failed.status, failed.headers["location"]) == (303, TEMPLATE["FailureRedirectionURL"])


def test_events_of_a_custom_verification_mail_are_the_accounts_own(production: Server) -> None:
    production.vouch("shop.example")
    ses: Any = production.client("ses")
    ses.create_custom_verification_email_template(**TEMPLATE)
    address = f"counted@{production.account}.example"
    ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
    ses.verify_email_identity(EmailAddress=f"not-counted@{production.account}.example")
    assert ses.get_send_quota()["SentLast24Hours"] == 1.0


class _Shop(BaseHTTPRequestHandler):
    """An account's site that moves its visitors on to another of its names, as sites do."""

    def do_GET(self) -> None:
        if self.path == "/yes":
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/welcome")  # type: ignore[attr-defined]
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def test_a_browser_follows_the_button_to_where_the_account_leads(
    production: Server, browser: Browser, shop: str
) -> None:
    production.vouch("shop.example")
    ses = production.client("ses")
    ses.create_custom_verification_email_template(**TEMPLATE | {"SuccessRedirectionURL": f"{shop}/yes"})
    address = f"person@{production.account}.example"
    ses.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
    tab = browser.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))

    tab.goto(link_in(mail_to(production, address)[0]))
    tab.get_by_role("button", name="Confirm this address").click()

    tab.wait_for_url("http://127.0.0.1:*/welcome")
    tab.close()
    assert complaints == []
    assert status_of(production, address) == "Success"
