"""The message pages in a real browser."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.support.server import Server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab; what its own pages complain about fails the test."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    tab = browser.new_page()
    tab.on("console", note)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    tab.close()
    assert complaints == []


class Beacon:
    """Notes every request that reaches it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    made = Beacon()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def send(server: Server, subject: str, recipient: str = "ada@example.net", html: str = "<h1>Hello</h1>") -> str:
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress="shop@example.com")
    message = {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": {"Html": {"Data": html}}}
    sent = ses.send_email(Source="shop@example.com", Destination={"ToAddresses": [recipient]}, Message=message)
    return str(sent["MessageId"])


def list_of(server: Server) -> str:
    return f"{server.endpoint}/ui/messages?account={server.account}"


def test_a_sent_message_appears_by_itself_and_leads_to_its_timeline(server: Server, page: Page) -> None:
    page.goto(list_of(server))
    expect(page.get_by_text("Nothing fits")).to_be_visible()
    send(server, "Your invoice")
    row = page.get_by_role("link", name="Your invoice")
    expect(row).to_be_visible()
    expect(page.get_by_text("captured")).to_be_visible()
    row.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your invoice")).to_be_visible()
    expect(page.get_by_text("Captured for ada@example.net: kept here to be looked at, not sent")).to_be_visible()


def test_what_is_typed_into_a_filter_narrows_the_list(server: Server, page: Page) -> None:
    send(server, "One for Ada", "ada@example.net")
    send(server, "One for Bob", "bounce+bob@simulator.amazonses.com")
    page.goto(list_of(server))
    page.get_by_label("To").fill("bob")
    expect(page.get_by_role("link", name="One for Ada")).to_have_count(0)
    expect(page.get_by_role("link", name="One for Bob")).to_be_visible()
    page.wait_for_url("**to=bob*")
    page.reload()
    expect(page.get_by_label("To")).to_have_value("bob")
    page.get_by_label("To").fill("")
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Bounced").click()
    expect(page.get_by_role("link", name="One for Ada")).to_have_count(0)
    expect(page.get_by_role("link", name="One for Bob")).to_be_visible()


def test_the_html_of_a_mail_can_do_nothing(server: Server, browser: Browser, beacon: Beacon) -> None:
    hostile = f"""
        <html><head>
        <meta http-equiv="refresh" content="0; url={beacon.url}/refresh">
        <link rel="stylesheet" href="{beacon.url}/style"><link rel="prefetch" href="{beacon.url}/prefetch">
        <style>@import url({beacon.url}/import); h1 {{ background: url({beacon.url}/background) }}</style>
        <script>fetch("{beacon.url}/script"); top.document.title = "taken"</script></head>
        <body onload="new Image().src='{beacon.url}/onload'">
        <h1>Plain to see</h1>
        <img src="{beacon.url}/image"><img src="x" onerror="fetch('{beacon.url}/onerror')">
        <iframe src="{beacon.url}/iframe"></iframe><object data="{beacon.url}/object"></object>
        <video src="{beacon.url}/video" autoplay></video><svg onload="fetch('{beacon.url}/svg')"></svg>
        <a href="{beacon.url}/link">a link</a><a href="{beacon.url}/blank" target="_blank">a new tab</a>
        <form action="{beacon.url}/form"><button>a button</button></form>
        </body></html>"""
    message_id = send(server, "Hostile", html=hostile)
    page = browser.new_page()  # the browser complains here about all that it does not do
    page.goto(f"{server.endpoint}/ui/messages/{message_id}")
    mail = page.frame_locator("iframe[title^='The HTML of the message']")
    expect(mail.get_by_role("heading", name="Plain to see")).to_be_visible()
    for name in ("a link", "a new tab", "a button"):
        mail.get_by_text(name, exact=True).click()
        page.reload()  # where the frame was led away, it shows nothing until then
        expect(mail.get_by_role("heading", name="Plain to see")).to_be_visible()
    assert page.title() == "Hostile · Pillarbox"
    assert len(page.context.pages) == 1
    page.goto(f"{server.endpoint}/ui/messages/{message_id}/html")  # on its own, without our frame around it
    expect(page.get_by_role("heading", name="Plain to see")).to_be_visible()
    assert page.evaluate("window.origin") == "null"
    page.close()
    assert beacon.asked == []


def test_what_a_sender_writes_is_text(server: Server, page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    subject = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    message_id = send(server, subject)
    page.goto(list_of(server))
    expect(page.get_by_role("link", name=subject)).to_be_visible()
    page.goto(f"{server.endpoint}/ui/messages/{message_id}")
    expect(page.get_by_role("heading", name=subject)).to_be_visible()
    page.get_by_text("Headers", exact=True).click()
    expect(page.get_by_role("row", name="Subject")).to_contain_text("onerror=alert(1)")


@pytest.mark.parametrize("width", [360, 820, 1280])
def test_the_pages_fit_their_width(server: Server, page: Page, width: int) -> None:
    message_id = send(server, "A subject " + "that-goes-on-" * 20, "a" * 60 + "@example.net")
    page.set_viewport_size({"width": width, "height": 800})
    for target in (list_of(server), f"{server.endpoint}/ui/messages/{message_id}"):
        page.goto(target)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
