"""How sending goes, in a real browser and in the terminal."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from pillarbox.kit.clock import MINUTE, SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.stats import tags
from tests.support.server import Server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab; what its pages complain about fails the test."""
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


@pytest.fixture
def shop(server: Server) -> Server:
    """A product that sends in its customers' names, and counts their mail by a tag."""
    server.client("sesv2").create_email_identity(EmailIdentity="example.com")
    store, scope = server.running.listening.store, Scope(server.account, "us-east-1")
    server.running.run(store.write(tags.begin, scope, "customer", SystemClock().now() - 2 * MINUTE))
    return server


def _send(server: Server, to: str, customer: str) -> None:
    server.client("sesv2").send_email(
        FromEmailAddress="jo@example.com",
        Destination={"ToAddresses": [to]},
        Content={"Simple": {"Subject": {"Data": "Your invoice"}, "Body": {"Text": {"Data": "Hello."}}}},
        EmailTags=[{"Name": "customer", "Value": customer}],
    )
    server.settle()


def test_see_how_sending_goes(shop: Server, page: Page) -> None:
    page.goto(f"{shop.endpoint}/ui/?account={shop.account}")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_text("Nothing was delivered and nothing bounced")).to_be_visible()

    _send(shop, "ada@example.net", "acme")
    _send(shop, "bounce@simulator.amazonses.com", "acme")

    volume = page.get_by_role("region", name="Volume")
    expect(volume.get_by_role("listitem").filter(has_text="captured")).to_be_visible()
    expect(page.get_by_text("Captured for ada@example.net", exact=False)).to_be_visible()
    expect(page.get_by_text("Everything that was accepted has been tried.")).to_be_visible()
    page.get_by_role("link", name="last 30 days").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**last=30d*")
    volume.get_by_text("The numbers").click()
    expect(volume.get_by_role("row").nth(1)).to_contain_text("1")
    page.get_by_role("link", name="Bounces").click()
    expect(page.get_by_role("heading", name="Bounces and complaints")).to_be_visible()


def test_find_a_customers_rates(shop: Server, page: Page) -> None:
    for to, customer in (("ada@example.net", "acme"), ("bob@example.net", "acme"), ("eve@example.net", "globex")):
        _send(shop, to, customer)
    _send(shop, "bounce@simulator.amazonses.com", "globex")

    page.goto(f"{shop.endpoint}/ui/customers?account={shop.account}&last=24h")
    table = page.get_by_role("table")
    expect(table.get_by_role("row", name="acme")).to_contain_text("100\N{NARROW NO-BREAK SPACE}%")
    table.get_by_role("link", name="globex").click()
    expect(page.get_by_role("heading", name="globex", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Bounce: Permanent, General")).to_be_visible()
    page.get_by_role("link", name="← Tag customer").click()
    expect(table.get_by_role("row", name="acme")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_of_statistics_fit_their_width(shop: Server, browser: Browser, scheme: Any, width: int) -> None:
    _send(shop, "ada@example.net", "a-customer-with-a-very-long-name-" * 7)
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    for target in ("?", "customers?by=tag:customer&", "customers?by=provider&", "bounces?"):
        page.goto(f"{shop.endpoint}/ui/{target}account={shop.account}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def _pillarbox(server: Server, *arguments: str) -> str:
    command = [sys.executable, "-m", "pillarbox", *arguments, "--data", str(server.running.listening.settings.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"COLUMNS": "100"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_terminal_the_pages_and_the_api_say_the_same(shop: Server) -> None:
    _send(shop, "ada@gmail.com", "acme")
    _send(shop, "bounce@simulator.amazonses.com", "acme")

    shown = _pillarbox(shop, "stats", "show", "--account", shop.account, "--by", "tag:customer")
    by_hand = json.loads(_pillarbox(shop, "stats", "show", "--account", shop.account, "--json"))
    with urllib.request.urlopen(f"{shop.endpoint}/ui/api/statistics?account={shop.account}") as answer:
        asked = json.load(answer)
    points = shop.client("ses").get_send_statistics()["SendDataPoints"]

    assert "captured" in shown and "█" in shown
    assert [line.split()[:2] for line in shown.splitlines() if line.startswith("acme")] == [["acme", "2"]]
    assert by_hand["whole"]["totals"] == asked["totals"]
    assert asked["totals"]["sent"] + asked["totals"]["sent.simulator"] == 2
    assert sum(point["DeliveryAttempts"] for point in points) == 2
    assert sum(point["Bounces"] for point in points) == 1


def test_without_a_command_a_day_a_month_and_the_customers_are_shown(shop: Server) -> None:
    shop.client("sesv2").create_tenant(TenantName="acme")
    arn = f"arn:aws:ses:us-east-1:{shop.account}:identity/example.com"
    shop.client("sesv2").create_tenant_resource_association(TenantName="acme", ResourceArn=arn)
    content = {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}}
    to = {"ToAddresses": ["ada@gmail.com"]}
    shop.client("sesv2").send_email(
        FromEmailAddress="jo@example.com", Destination=to, Content=content, TenantName="acme"
    )
    shop.settle()

    shown = _pillarbox(shop, "stats", "--account", shop.account)
    by_hand = json.loads(_pillarbox(shop, "stats", "--json", "--account", shop.account))

    assert shown.index("last 24 hours") < shown.index("last 30 days") < shown.index("TENANT") < shown.index("acme")
    assert "█" in shown
    assert by_hand["day"]["whole"]["totals"]["sent"] == by_hand["month"]["members"][0]["totals"]["sent"] == 1


def test_counted_again_while_the_server_runs_the_numbers_are_the_same(shop: Server) -> None:
    _send(shop, "ada@gmail.com", "acme")
    _send(shop, "complaint@simulator.amazonses.com", "globex")
    before = _pillarbox(shop, "stats", "show", "--account", shop.account, "--by", "tag:customer", "--json")

    assert _pillarbox(shop, "stats", "rebuild").endswith("all events are counted\n")

    after = _pillarbox(shop, "stats", "show", "--account", shop.account, "--by", "tag:customer", "--json")
    assert json.loads(after) == json.loads(before)


def test_a_tag_is_counted_and_forgotten_from_the_terminal(shop: Server) -> None:
    said = _pillarbox(shop, "stats", "tag", "campaign", "--account", shop.account)
    assert "is counted by campaign" in said
    stopped = _pillarbox(shop, "stats", "tag", "campaign", "--account", shop.account, "--stop")
    assert stopped == "mail is no longer counted by campaign\n"
