"""The tasks of people who work with the pages every day, in a real browser, from signing in on."""

import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from pillarbox.kit.clock import SystemClock
from pillarbox.operate import audit, users
from pillarbox.operate.desk import Desk
from pillarbox.operate.users import Login
from tests.scenarios.test_broken_subscribers import send as send_to_subscribers
from tests.scenarios.test_broken_subscribers import subscribe, topic
from tests.support.accessible import Axe
from tests.support.server import Server
from tests.support.subscriber import Subscriber

__all__ = ["topic"]  # a fixture


@pytest.fixture(scope="module")
def axe() -> Axe:
    return Axe()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of somebody who is nowhere signed in; what its pages complain about fails the test."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            complaints.append(message.text)

    tab = browser.new_page()
    tab.set_default_timeout(20_000)
    tab.on("console", note)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    tab.close()
    assert complaints == []


def desk_of(server: Server) -> Desk:
    listening = server.running.listening
    return Desk(listening.store, listening.keyring, SystemClock(), listening.public_url)


def user(server: Server, role: str, **narrowed: str) -> Login:
    name = f"{role}-{uuid4().hex[:8]}"
    return server.running.run(users.create(desk_of(server), name, role, server.account, **narrowed))


def sign_in(page: Page, server: Server, login: Login, path: str = "/ui/") -> None:
    page.goto(f"{server.endpoint}{path}")
    page.get_by_label("User name").fill(login.name)
    page.get_by_label("Password").fill(login.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def told(server: Server) -> list[tuple[str, str, str]]:
    """Return what the audit log says of the account: who did what to what."""
    entries = server.running.run(audit.newest(desk_of(server), server.account, 20))
    return [(entry.who, entry.action, entry.subject) for entry in entries]


def test_sign_in_and_out(production: Server, page: Page) -> None:
    login = user(production, "member")
    sign_in(page, production, login, "/ui/suppression")
    expect(page.get_by_role("heading", name="Suppression")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{production.endpoint}/ui/messages")
    page.get_by_label("User name").fill(login.name)
    page.get_by_label("Password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")


def test_add_a_domain_and_see_which_records_are_missing(production: Server, page: Page) -> None:
    login = user(production, "admin")
    sign_in(page, production, login, "/ui/identities")
    page.get_by_label("Domain or address").fill("shop.example")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status").filter(has_text="Added.")).to_be_visible()
    records = page.locator("#checked")
    # No name server answers there, which takes as long as a question may take.
    expect(records.get_by_text("_amazonses.shop.example", exact=True)).to_be_visible(timeout=40_000)
    expect(records.get_by_text("_domainkey.shop.example", exact=False).first).to_be_visible()
    expect(records.get_by_text("unknown").first).to_be_visible()
    page.get_by_role("button", name="Verify on your word").click()
    expect(page.get_by_text("Verified on your word.")).to_be_visible()
    page.get_by_text("Delete this identity").click()
    page.get_by_role("button", name="Delete shop.example").click()
    expect(page.get_by_role("heading", name="No identity yet")).to_be_visible()
    assert told(production) == [
        (login.name, "identities.delete", "shop.example"),
        (login.name, "identities.vouch", "shop.example"),
        (login.name, "identities.create", "shop.example"),
        ("operator", "users.create", f"{login.name} admin"),
    ]


def test_find_out_why_somebody_gets_no_mail_and_let_them_have_it_again(production: Server, page: Page) -> None:
    production.client("sesv2").put_suppressed_destination(EmailAddress="ada@example.net", Reason="COMPLAINT")
    sign_in(page, production, user(production, "member"), "/ui/suppression")
    page.get_by_label("Address", exact=True).fill("ada@example.net")
    page.get_by_role("button", name="Search").click()
    row = page.get_by_role("row", name="ada@example.net")
    expect(row).to_contain_text("complained")
    row.get_by_role("button").click()
    expect(page.get_by_text("Removed.")).to_be_visible()
    page.get_by_text("Add an address").click()
    page.get_by_label("Address that gets no mail").fill("bob@example.net")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("row", name="bob@example.net")).to_contain_text("put here by hand")
    listed = production.client("sesv2").list_suppressed_destinations()["SuppressedDestinationSummaries"]
    assert [(one["EmailAddress"], one["Reason"]) for one in listed] == [("bob@example.net", "BOUNCE")]


def test_see_what_waits_and_pause_and_resume_it(production: Server, page: Page) -> None:
    production.vouch("shop@example.com")
    sign_in(page, production, user(production, "member"), "/ui/queue")
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    page.get_by_text("Pause something").click()
    page.get_by_label("Why").fill("something is wrong with the invoices")
    page.get_by_role("button", name="Pause", exact=True).click()
    paused = page.get_by_role("region", name="Paused")
    expect(paused).to_contain_text("something is wrong with the invoices")

    message = {"Subject": {"Data": "Waiting"}, "Body": {"Text": {"Data": "Hello."}}}
    production.client("ses").send_email(
        Source="shop@example.com", Destination={"ToAddresses": ["ada@example.net"]}, Message=message
    )
    waiting = page.get_by_role("table")
    expect(waiting).to_contain_text("something is wrong with the invoices")  # by itself
    waiting.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("deliveries are tried now.")).to_be_visible()
    paused.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("1 deliveries go on.")).to_be_visible()
    assert [action for _, action, _ in told(production)][:3] == ["queue.resume", "queue.retry", "queue.pause"]


def test_a_key_is_shown_once_and_signs_until_it_is_revoked(production: Server, page: Page) -> None:
    sign_in(page, production, user(production, "admin"), "/ui/keys")
    page.get_by_label("Who uses it").fill("the-shop")
    page.get_by_label("Good for").select_option("read-only")
    page.get_by_role("button", name="Create").click()
    lines = page.locator("#new-key").inner_text().split()
    key_id, secret = (line.partition("=")[2] for line in lines)
    client = Server(production.running, production.account, key_id, secret).client("ses")
    assert client.list_identities()["Identities"] == []
    page.get_by_role("link", name="Keys").click()
    expect(page.get_by_text(secret)).to_have_count(0)
    row = page.get_by_role("row", name=key_id)
    expect(row).to_contain_text("read-only")
    row.get_by_text("Revoke").click()
    row.get_by_role("button", name="For good").click()
    expect(row).to_contain_text("revoked")
    with pytest.raises(client.exceptions.ClientError):
        client.list_identities()


def test_write_a_template_look_at_it_with_data_and_send_it(production: Server, page: Page) -> None:
    production.vouch("shop@example.com")
    sign_in(page, production, user(production, "member"), "/ui/templates")
    page.get_by_label("Name").fill("welcome")
    page.get_by_label("Subject").fill("Hello {{name}}")
    page.get_by_label("HTML").fill("<h1>Dear {{name}}</h1>")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("'name' is not present")
    page.get_by_label("Data").fill('{"name": "Ada"}')
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Subject: Hello Ada")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Dear Ada")).to_be_visible()
    page.get_by_label("From").fill("shop@example.com")
    page.get_by_label("To", exact=True).fill("success@simulator.amazonses.com")
    page.get_by_role("button", name="Send to try").click()
    expect(page.get_by_role("heading", name="Hello Ada")).to_be_visible()
    page.goto(f"{production.endpoint}/ui/templates/welcome")
    page.get_by_label("Subject").fill("{{#if name}}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Template welcome is invalid")).to_be_visible()


def test_stop_a_set_and_deliver_again_what_could_not_be_told(server: Server, page: Page, topic: str) -> None:
    with Subscriber.listening() as subscriber:
        subscribe(server, topic, subscriber)
        subscriber.answers = [500] * 3
        send_to_subscribers(server, 1)
        subscriber.wait_for(lambda one: len(one.notifications) == 3)
        server.settle()
        name = server.client("sesv2").list_configuration_sets()["ConfigurationSets"][0]
        page.goto(f"{server.endpoint}/ui/sets/{name}?account={server.account}")
        expect(page.get_by_role("row").filter(has_text="HTTP 500")).to_be_visible()
        page.get_by_role("button", name="Deliver again").click()
        expect(page.get_by_text("1 notifications are delivered again.")).to_be_visible()
        subscriber.wait_for(lambda one: len(one.notifications) == 4)
        page.goto(f"{server.endpoint}/ui/sets/{name}?account={server.account}")
        page.get_by_role("button", name="Stop its sending").click()
        expect(page.get_by_text("is refused from now on")).to_be_visible()
        assert not server.client("sesv2").get_configuration_set(ConfigurationSetName=name)["SendingOptions"][
            "SendingEnabled"
        ]


def test_who_only_reads_is_offered_nothing_to_change(production: Server, page: Page) -> None:
    sign_in(page, production, user(production, "read-only"))
    for path in ("identities", "suppression", "contact-lists", "queue", "sets", "templates", "doctor"):
        page.goto(f"{production.endpoint}/ui/{path}")
        expect(page.locator("main form[method=post]")).to_have_count(0)
    expect(page.get_by_role("link", name="Keys")).to_have_count(0)
    page.goto(f"{production.endpoint}/ui/keys")
    expect(page.get_by_text("Keys are for those with the role admin")).to_be_visible()


def ask(server: Server, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask as a program does, with an access key; bytes are a file of addresses."""
    pair = b64encode(f"{server.key_id}:{server.secret}".encode()).decode()
    is_file = isinstance(body, bytes)
    headers = {"Authorization": f"Basic {pair}", "Content-Type": "text/csv" if is_file else "application/json"}
    data = body if body is None or is_file else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.endpoint}/ui/api{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_program_does_the_same_with_a_key(production: Server) -> None:
    assert ask(production, "/identities", {"name": "shop.example"})[1]["name"] == "shop.example"
    assert [one["name"] for one in ask(production, "/identities")[1]] == ["shop.example"]
    assert ask(production, "/identities/shop.example/vouch", {})[0] == 403
    assert ask(production, "/suppression", {"address": "ada@example.net"})[0] == 200
    assert [one["address"] for one in ask(production, "/suppression")[1]["addresses"]] == ["ada@example.net"]
    assert ask(production, "/suppression/remove", {"address": "ada@example.net"}) == (200, None)
    assert ask(production, "/suppression/remove", {"address": "ada@example.net"})[0] == 400
    assert ask(production, "/templates", {"name": "hi", "subject": "Hi {{name}}", "text": "Hi"})[0] == 200
    assert ask(production, "/templates/hi/preview?data=%7B%22name%22%3A1%7D")[1]["subject"] == "Hi 1"
    assert ask(production, "/sets", {"name": "invoices"}) == (200, {"name": "invoices"})
    assert ask(production, "/queue/pause", {"configuration_set": "invoices"}) == (200, {"waiting": 0})
    assert ask(production, "/queue")[1]["queue"]["paused"][0]["what"]["configuration_set"] == "invoices"
    assert ask(production, "/queue/pause", {"provider": "google", "account": "999999999999"})[0] == 400
    assert ask(production, "/queue/resume", {"configuration_set": "invoices"})[0] == 200
    assert ask(production, "/keys")[0] == 403


def everything(server: Server) -> list[str]:
    """Fill an account and return its pages."""
    ses, scope = server.client("sesv2"), f"account={server.account}&region=us-east-1"
    ses.create_email_identity(EmailIdentity="shop.example")
    ses.create_configuration_set(ConfigurationSetName="invoices")
    ses.create_email_template(TemplateName="hi", TemplateContent={"Subject": "Hi", "Text": "Hi", "Html": "<p>Hi</p>"})
    ses.put_suppressed_destination(EmailAddress="ada@example.net", Reason="BOUNCE")
    mail: dict[str, Any] = {
        "FromEmailAddress": "jo@shop.example",
        "Destination": {"ToAddresses": ["ada@gmail.com", "bounce@simulator.amazonses.com"]},
        "Content": {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello."}}}},
    }
    sent = ses.send_email(**mail)["MessageId"]
    topic = server.client("sns").create_topic(Name="mail")["TopicArn"]
    told = {"Enabled": True, "MatchingEventTypes": ["BOUNCE"], "SnsDestination": {"TopicArn": topic}}
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="invoices", EventDestinationName="product", EventDestination=told
    )
    news = {"TopicName": "news", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
    ses.create_contact_list(ContactListName="people", Topics=[news])
    ses.create_contact(ContactListName="people", EmailAddress="ada@example.net")
    assert ask(server, f"/suppression/import?{scope}", b"bob@example.net,BOUNCE\nnobody\n")[0] == 200
    for path, made in {
        "/doctor": {},
        "/keys": {"user": "jo", "account": server.account},
        "/users": {"name": f"jo-{server.account}", "role": "member", "account": server.account},
        "/queue/pause": {"configuration_set": "invoices", "account": server.account},
    }.items():
        assert ask(server, path, made)[0] == 200, path
    server.settle()
    ses.send_email(**mail, ConfigurationSetName="invoices")  # waits in the queue
    pages = (
        "", "messages", "customers", "bounces", "identities", "suppression", "contact-lists", "queue", "sets",
        "templates", "doctor", "keys", "users",
    )  # fmt: skip
    inner = ("identities/shop.example", "sets/invoices", "templates/hi", "dead-letters", "login", "nowhere")
    contacts = ("contact-lists/people", "contact-lists/people/contact?address=ada@example.net")
    paths = (*pages, *inner, *contacts, f"messages/{sent}")
    return [f"{server.endpoint}/ui/{path}{'&' if '?' in path else '?'}{scope}" for path in paths]


# Account numbers, and who sees them in two pieces may copy one of them.
_BROKEN_NUMBERS = r"""() => {
  const broken = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) for (const found of texts.currentNode.data.matchAll(/\b\d{12}\b/g)) {
    const number = document.createRange()
    number.setStart(texts.currentNode, found.index)
    number.setEnd(texts.currentNode, found.index + 12)
    if (new Set([...number.getClientRects()].map((line) => line.top)).size > 1) broken.push(found[0])
  }
  return broken
}"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_nothing_keeps_people_from_using_the_pages(
    server: Server, browser: Browser, axe: Axe, scheme: Any, width: int
) -> None:
    """On a screen and on a phone axe finds nothing, no page is wider than it is, and account numbers stay whole."""
    tab = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    wrong = {}
    for url in everything(server):
        tab.goto(url)
        expect(tab.locator("[hx-trigger=load]:has(noscript)")).to_have_count(0)  # what it asks for by itself is there
        if found := axe.violations(tab):
            wrong[url] = found
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, url
        assert tab.evaluate(_BROKEN_NUMBERS) == [], url
    tab.close()
    assert not wrong, wrong
