"""Makes the pictures of the README: plays a day of a shop's mail through a server, and looks at its pages.

The mail is sent by the API, handed to a mail server that takes most of it, and opened by its readers; only the server's
clock is a day behind at first and put forward by the hour, so that the day takes a minute.

Run as `python docs/images/make_screenshots.py [FOLDER] [--every-page]` from a checkout whose development packages are
installed. With --every-page it looks at every page, light and dark, wide and narrow, for those who work on them.
"""

import asyncio
import email
import http.client
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from pillarbox.app.server import serve  # noqa: E402
from pillarbox.kit.clock import HOUR, MINUTE, SystemClock  # noqa: E402
from pillarbox.settings import RouteSetting, Settings, SmarthostSetting  # noqa: E402
from tests.support.sink import Sink  # noqa: E402

ACCOUNT = "123456789012"
HERE = Path(__file__).parent
PICTURES = {"overview": "/ui/?last=24h", "messages": "/ui/messages", "customers": "/ui/customers?by=tenant"}
PAGES = {
    **PICTURES,
    "bounces": "/ui/bounces",
    "identities": "/ui/identities",
    "identity": "/ui/identities/shop.example?account=123456789012&region=us-east-1",
    "suppression": "/ui/suppression",
    "queue": "/ui/queue",
    "sets": "/ui/sets",
    "set": "/ui/sets/invoices?account=123456789012&region=us-east-1",
    "dead-letters": "/ui/dead-letters",
    "templates": "/ui/templates",
    "template": "/ui/templates/welcome?account=123456789012&region=us-east-1&data=%7B%22name%22%3A%22Ada%22%7D",
    "contact-lists": "/ui/contact-lists",
    "contact-list": "/ui/contact-lists/people?account=123456789012&region=us-east-1",
    "contact": "/ui/contact-lists/people/contact?address=ada@example.net&account=123456789012&region=us-east-1",
    "doctor": "/ui/doctor",
    "keys": "/ui/keys",
    "users": "/ui/users",
    "login": "/ui/login",
}
HTML = '<h1>Thank you</h1><p>It is on its way. <a href="https://shop.example/orders">Your orders</a></p>'
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CUSTOMERS = ("owen", "acme", "globex", "initech")
PROVIDERS = ("gmail.com", "outlook.com", "mailbox.example", "company.example")
# Messages in each hour of the day (UTC), from midnight on.
A_DAY = (6, 4, 3, 3, 4, 8, 14, 24, 38, 46, 44, 40, 34, 38, 42, 40, 36, 30, 28, 30, 26, 20, 14, 9)
SUBJECTS = (
    "Your invoice of March",
    "Welcome to the workshop",
    "Please confirm your order",
    "Three new bicycles",
    "你好",
)


class PlayedClock:
    """The machine's clock, put back for as long as the day is played."""

    def __init__(self) -> None:
        self.behind = len(A_DAY) * HOUR

    def now(self) -> int:
        return SystemClock().now() - self.behind

    def forward(self, by: int) -> None:
        self.behind = max(self.behind - by, 0)


@contextmanager
def serving(folder: str, clock: PlayedClock, far: Sink):
    """Run a server on a free port, whose mail goes to `far`, and yield its URL."""
    settings = Settings(
        data=folder,
        port=0,
        smtp_port=0,
        smtps_port=0,
        return_path_port=0,
        dev=True,
        dev_really_send=True,
        routes=(RouteSetting(transport="smtp"),),
        smarthost=SmarthostSetting(host="127.0.0.1", port=far.port, tls="none"),
        signature_window_seconds=len(A_DAY) * 3600 + 3600,  # the callers do not live a day ago
        log_level="error",
    )
    ready, found = threading.Event(), {}

    async def run() -> None:
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()

        def announce(listening) -> None:
            found["endpoint"] = listening.public_url
            ready.set()

        await serve(settings, found["stop"], announce, clock)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(30), "the server did not start"
    try:
        yield found["endpoint"]
    finally:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(30)


def client(endpoint: str, service: str):
    keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "any"}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **keys)


def fill(endpoint: str, folder: str) -> None:
    """Send what a shop sends for its customers, to people and to the simulator."""
    ses = client(endpoint, "sesv2")
    topic = client(endpoint, "sns").create_topic(Name="mail-events")["TopicArn"]
    ses.create_configuration_set(ConfigurationSetName="invoices")
    told = {
        "Enabled": True,
        "MatchingEventTypes": ["DELIVERY", "BOUNCE", "COMPLAINT", "OPEN", "CLICK"],
        "SnsDestination": {"TopicArn": topic},
    }
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="invoices", EventDestinationName="the-product", EventDestination=told
    )
    for name in ("shop.example", "news@bikes.example"):
        ses.create_email_identity(EmailIdentity=name)
    for name in CUSTOMERS:
        ses.create_tenant(TenantName=name)
        for used in ("identity/shop.example", "configuration-set/invoices"):
            arn = f"arn:aws:ses:us-east-1:{ACCOUNT}:{used}"
            ses.create_tenant_resource_association(TenantName=name, ResourceArn=arn)
    parts = {"Subject": "Hello {{name}}", "Text": "Hello {{name}}.", "Html": "<h1>Hello {{name}}</h1><p>Welcome.</p>"}
    ses.create_email_template(TemplateName="welcome", TemplateContent=parts)
    news = {"TopicName": "news", "DisplayName": "What is new", "DefaultSubscriptionStatus": "OPT_IN"}
    ses.create_contact_list(ContactListName="people", Topics=[news], Description="Everybody who has bought something")
    for name in ("ada", "bob", "eve"):
        ses.create_contact(ContactListName="people", EmailAddress=f"{name}@example.net", UnsubscribeAll=name == "eve")
    ses.put_suppressed_destination(EmailAddress="gone@mailbox.example", Reason="BOUNCE")
    made = [sys.executable, "-m", "pillarbox", "users", "create", "owen", "--role", "customer", "--account", ACCOUNT]
    subprocess.run(
        [*made, "--region", "us-east-1", "--tenant", "owen", "--data", folder], check=True, stdout=subprocess.DEVNULL
    )
    post(f"{endpoint}/ui/api/doctor", b"{}", "application/json")
    post(f"{endpoint}/ui/api/suppression/import", b"moved@mailbox.example,BOUNCE\nnobody\n", "text/csv")


def play(endpoint: str, clock: PlayedClock, far: Sink) -> None:
    """Send what a shop sends in a day: more by day than by night, and some of it to nobody."""
    rolled, ses, sent, seen = random.Random(7), client(endpoint, "sesv2"), 0, 0
    while clock.behind:
        hour = clock.now() // HOUR % len(A_DAY)
        count, is_last = A_DAY[hour] + rolled.randrange(4), clock.behind <= HOUR
        for _ in range(count):
            send(ses, far, rolled, sent, is_last=is_last)
            sent += 1
            clock.forward((HOUR - 6 * MINUTE) // count)
        wait_until_counted(endpoint, "sent", sent)
        wait_until_quiet(endpoint)
        clock.forward(5 * MINUTE)  # whoever looks at once is taken for a program
        for mail in far.received[seen:]:
            fate = rolled.random()
            if fate < 0.45:
                look_at(endpoint, mail.data, follows=fate < 0.12)
        seen = len(far.received)
        clock.forward(clock.behind % HOUR or HOUR)
    wait_until_quiet(endpoint)


def send(ses, far: Sink, rolled: random.Random, number: int, *, is_last: bool) -> None:
    fate = rolled.random()
    to = f"person{number}@{rolled.choice(PROVIDERS)}"
    if fate > 0.99:
        to = rolled.choice(("bounce", "complaint")) + "@simulator.amazonses.com"
    elif fate > 0.98 or (is_last and number % 8 == 3):
        far.script.always(f"RCPT {to}", "550 5.1.1 no such user here")
    elif fate > 0.97:
        far.script.once(f"RCPT {to}", "452 4.2.2 mailbox full")
    elif is_last and number % 4 == 1:
        far.script.always(f"RCPT {to}", "451 4.7.1 greylisted, come again")
    ses.send_email(
        FromEmailAddress="Shop <orders@shop.example>",
        Destination={"ToAddresses": [to]},
        ConfigurationSetName="invoices",
        Content={"Simple": {
            "Subject": {"Data": rolled.choice(SUBJECTS), "Charset": "UTF-8"},
            "Body": {"Html": {"Data": HTML}, "Text": {"Data": "Thank you."}},
        }},
        TenantName=rolled.choice(CUSTOMERS),
    )  # fmt: skip


def look_at(endpoint: str, received: bytes, *, follows: bool) -> None:
    """Do what the reader of a mail does: let the picture in it be shown, and perhaps follow its link."""
    parts = email.message_from_bytes(received).walk()
    html = [part.get_payload(decode=True).decode() for part in parts if part.get_content_type() == "text/html"]
    if not html or "src=" not in html[0]:  # a report
        return
    link, pixel = re.findall(r'(?:href|src)="([^"]+)"', html[0])
    for url in (pixel, link)[: 1 + follows]:
        path = url.split("/", 3)[3]
        connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
        connection.request("GET", f"/{path}", headers={"User-Agent": BROWSER})
        connection.getresponse().read()
        connection.close()


def post(url: str, body: bytes, kind: str) -> None:
    """Ask for something as a program does."""
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": kind})) as answer:
        answer.read()


def ask(url: str):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def wait_until_counted(endpoint: str, name: str, number: int) -> None:
    """Return when the statistics know of everything that was done."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        totals = ask(f"{endpoint}/ui/api/statistics?account={ACCOUNT}&last=7d")["totals"]
        if totals.get(name, 0) + totals.get(f"{name}.simulator", 0) >= number:
            return
        time.sleep(0.1)
    raise SystemExit("the server did not count what was sent")


def wait_until_quiet(endpoint: str) -> None:
    """Return when no mail is left but what waits for another try."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        lanes = ask(f"{endpoint}/ui/api/overview?account={ACCOUNT}")["queue"]["lanes"]
        if sum(one["rows"] for one in lanes) <= sum(reason["rows"] for one in lanes for reason in one["reasons"]):
            return
        time.sleep(0.1)


def main(folder: Path, *, every_page: bool) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    clock = PlayedClock()
    with (
        tempfile.TemporaryDirectory() as data,
        Sink.listening() as far,
        serving(data, clock, far) as endpoint,
        sync_playwright() as playwright,
    ):
        fill(endpoint, data)
        play(endpoint, clock, far)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark") if every_page else ("light",):
            for width in (1280, 390) if every_page else (1280,):
                page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
                for name, path in (PAGES if every_page else PICTURES).items():
                    page.goto(f"{endpoint}{path}")
                    page.wait_for_load_state("networkidle")
                    where = f"{name}-{scheme}-{width}.png" if every_page else f"{name}.png"
                    page.screenshot(path=folder / where)
                page.close()
        browser.close()


if __name__ == "__main__":
    rest = [one for one in sys.argv[1:] if one != "--every-page"]
    main(Path(rest[0]) if rest else HERE, every_page="--every-page" in sys.argv)
