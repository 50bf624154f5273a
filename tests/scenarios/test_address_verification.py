"""The owner of an address confirms it: from the call, by the captured mail, to the page and its button."""

from typing import Any

import pytest
import urllib3

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


class Browser:
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
def browser() -> Browser:
    return Browser()


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
    production: Server, browser: Browser, service: str, operation: str, member: str
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
        page = browser.request(method, link)
        assert page.status == 200
        assert status_of(production, address) == "Pending"
    assert "<button>" in page.data.decode()
    assert address in page.data.decode()
    assert "script" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"

    done = browser.post(link)

    assert done.status == 200
    assert "confirmed" in done.data.decode()
    assert status_of(production, address) == "Success"
    send_from(production, address)
    assert "<button>" not in browser.get(link).data.decode()


def test_asked_again_the_owner_gets_another_mail_and_either_link_works(production: Server, browser: Browser) -> None:
    address = f"again@{production.account}.example"
    ses = production.client("ses")
    ses.verify_email_identity(EmailAddress=address)
    ses.verify_email_identity(EmailAddress=address)
    older, newer = (link_in(mail) for mail in mail_to(production, address))
    assert older != newer
    assert browser.post(older).status == 200
    assert status_of(production, address) == "Success"
    ses.verify_email_identity(EmailAddress=address)
    assert status_of(production, address) == "Success"
    assert len(mail_to(production, address)) == 2


def test_a_link_of_an_identity_that_was_deleted_verifies_no_later_one(production: Server, browser: Browser) -> None:
    address = f"gone@{production.account}.example"
    ses = production.client("ses")
    ses.verify_email_identity(EmailAddress=address)
    link = link_in(mail_to(production, address)[0])
    ses.delete_identity(Identity=address)
    assert browser.post(link).status == 410
    ses.verify_email_identity(EmailAddress=address)
    assert browser.post(link).status == 410
    assert status_of(production, address) == "Pending"


def test_a_link_that_was_changed_is_no_link(production: Server, browser: Browser) -> None:
    address = f"forged@{production.account}.example"
    production.client("ses").verify_email_identity(EmailAddress=address)
    link = link_in(mail_to(production, address)[0])
    place, _, sealed = link.rpartition("/")
    for text in ("", "x", "AA", sealed[:-8], sealed[4:], f"{sealed}AAAA", "%C3%A9", "x" * 5_000, "%00"):
        assert browser.post(f"{place}/{text}").status == 404
    assert browser.request("PUT", link).status == 405
    assert status_of(production, address) == "Pending"


@pytest.mark.parametrize("service", ["ses", "sesv2"])
def test_an_account_asks_in_its_own_words_and_leads_on_to_its_own_pages(
    production: Server, browser: Browser, service: str
) -> None:
    production.vouch("shop.example")
    client = production.client(service)
    client.create_custom_verification_email_template(**TEMPLATE)
    address = f"{service}@{production.account}.example"
    sent = client.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
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
    assert "https:" in browser.get(link).headers["content-security-policy"]

    done = browser.post(link)

    assert (done.status, done.headers["location"]) == (303, TEMPLATE["SuccessRedirectionURL"])
    assert status_of(production, address) == "Success"
    production.client("ses").delete_identity(Identity=address)
    for method in ("GET", "POST"):
        failed = browser.request(method, link)
        assert (failed.status, failed.headers["location"]) == (303, TEMPLATE["FailureRedirectionURL"])


def test_events_of_a_custom_verification_mail_are_the_accounts_own(production: Server) -> None:
    production.vouch("shop.example")
    client: Any = production.client("ses")
    client.create_custom_verification_email_template(**TEMPLATE)
    address = f"counted@{production.account}.example"
    client.send_custom_verification_email(EmailAddress=address, TemplateName="welcome")
    client.verify_email_identity(EmailAddress=f"not-counted@{production.account}.example")
    assert client.get_send_quota()["SentLast24Hours"] == 1.0
