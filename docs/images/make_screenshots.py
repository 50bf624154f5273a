"""Makes the pictures of the README: starts a server in dev mode, sends real traffic through it and looks at its pages.

Run as `python docs/images/make_screenshots.py [FOLDER] [--every-page]` from a checkout whose development packages are
installed. With --every-page it looks at every page, light and dark, wide and narrow, for those who work on them.
"""

import email
import http.client
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
from playwright.sync_api import sync_playwright

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
SUBJECTS = (
    "Your invoice of March",
    "Welcome to the workshop",
    "Please confirm your order",
    "Three new bicycles",
    "你好",
)


@contextmanager
def serving(folder: str):
    """Run a server on a free port and yield its URL."""
    flags = ["--dev", "--any-sender", "--data", folder, "--port", "0", "--smtp-port", "0", "--smtps-port", "0"]
    command = [sys.executable, "-m", "pillarbox", "serve", *flags, "--return-path-port", "0", "--log-level", "error"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield next(line.split()[-1] for line in server.stdout if line.strip().startswith("endpoint"))
        finally:
            server.terminate()


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
    rolled, opened = random.Random(7), []
    for number in range(120):
        fate = rolled.random()
        provider = rolled.choice(("gmail.com", "outlook.com", "mailbox.example", "company.example"))
        to = f"person{number}@{provider}"
        if fate > 0.97:
            to = rolled.choice(("bounce", "complaint")) + "@simulator.amazonses.com"
        sent = ses.send_email(
            FromEmailAddress="Shop <orders@shop.example>",
            Destination={"ToAddresses": [to]},
            ConfigurationSetName="invoices",
            Content={"Simple": {
                "Subject": {"Data": rolled.choice(SUBJECTS), "Charset": "UTF-8"},
                "Body": {"Html": {"Data": HTML}, "Text": {"Data": "Thank you."}},
            }},
            TenantName=rolled.choice(CUSTOMERS),
        )  # fmt: skip
        if fate < 0.5:
            opened.append((sent["MessageId"], fate < 0.15))
    wait_until_counted(endpoint, "sent", 120)
    time.sleep(4)  # whoever looks sooner is taken for a program
    for message_id, follows in opened:
        look_at(f"{endpoint}/ui/messages/{message_id}/source", follows)
    wait_until_counted(endpoint, "opened", len(opened))


def look_at(source: str, follows: bool) -> None:
    """Do what the reader of a mail does: let the picture in it be shown, and perhaps follow its link."""
    with urllib.request.urlopen(source) as answer:
        mail = email.message_from_binary_file(answer)
    (html,) = (part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html")
    link, pixel = re.findall(r'(?:href|src)="([^"]+)"', html.decode())
    for url in (pixel, link)[: 1 + follows]:
        path = url.split("/", 3)[3]
        connection = http.client.HTTPConnection(source.split("/")[2])
        connection.request("GET", f"/{path}", headers={"User-Agent": BROWSER})
        connection.getresponse().read()
        connection.close()


def post(url: str, body: bytes, kind: str) -> None:
    """Ask for something as a program does."""
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": kind})) as answer:
        answer.read()


def wait_until_counted(endpoint: str, name: str, number: int) -> None:
    """Return when the statistics know of everything that was done."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{endpoint}/ui/api/statistics?account={ACCOUNT}") as answer:
            totals = json.load(answer)["totals"]
        if totals.get(name, 0) + totals.get(f"{name}.simulator", 0) >= number:
            return
        time.sleep(0.2)
    raise SystemExit("the server did not count what was sent")


def main(folder: Path, *, every_page: bool) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as data, serving(data) as endpoint, sync_playwright() as playwright:
        fill(endpoint, data)
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
