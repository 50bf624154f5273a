"""The list and the page of one message, as a browser and a program get them."""

import json
import re

import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.kit.ids import Scope
from tests.support.filled import NOON
from tests.unit.dashboard.conftest import Dashboard

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
HTMX = {"HX-Request": "true"}


async def test_an_empty_list_shows_how_to_send(dashboard: Dashboard) -> None:
    answer = await dashboard.get("/ui/messages")
    assert answer.status == 200
    assert "No messages yet" in answer.text
    assert "endpoint_url=&#34;http://localhost:8025&#34;" in answer.text


async def test_the_list_shows_who_wrote_to_whom_and_what_became_of_it(dashboard: Dashboard) -> None:
    sent = await dashboard.room.accept("ada@example.net", "bob@example.org", subject="Invoice")
    await dashboard.room.attempt(
        sent, {"ada@example.net": Delivered("250 OK"), "bob@example.org": Refused("550 5.1.1")}
    )
    page = (await dashboard.get("/ui/messages")).text
    assert f'href="/ui/messages/{sent}">Invoice</a>' in page
    assert page.index("ada@example.net") < page.index("bob@example.org")
    assert '<span class="status s-delivered">delivered</span>' in page
    assert '<span class="status s-bounced">bounced</span>' in page
    assert "captured" not in page


async def test_what_was_captured_has_a_badge(dashboard: Dashboard) -> None:
    sent = await dashboard.room.accept()
    await dashboard.room.capture(sent)
    assert ">captured</span>" in (await dashboard.get("/ui/messages")).text
    assert ">captured</span>" in (await dashboard.get(f"/ui/messages/{sent}")).text


async def test_filters_stay_in_the_form_and_in_the_links(dashboard: Dashboard) -> None:
    for number in range(51):
        await dashboard.room.accept("ada@example.net", subject=f"A & {number}")
    await dashboard.room.accept("bob@example.org", subject="Other")
    page = (await dashboard.get("/ui/messages?subject=A+%26&to=ada")).text
    assert 'name="subject" value="A &amp;"' in page
    assert "Other" not in page
    older = re.search(r'href="(/ui/messages\?[^"]*after=[^"]*)"', page)
    assert older and "subject=A+%26" in older[1]
    last = (await dashboard.get(older[1].replace("&amp;", "&"))).text
    assert last.count("<tr>") == 2  # the headings and the one message that was left


async def test_only_the_first_page_refreshes_itself(dashboard: Dashboard) -> None:
    for number in range(51):
        await dashboard.room.accept(subject=str(number))
    page = (await dashboard.get("/ui/messages")).text
    assert 'hx-get="/ui/messages" hx-trigger="every 2s"' in page
    older = re.search(r'href="(/ui/messages\?after=[^"]*)"', page)
    assert older and "every 2s" not in (await dashboard.get(older[1])).text


async def test_a_refresh_sends_the_list_alone_and_only_when_it_has_changed(dashboard: Dashboard) -> None:
    await dashboard.room.accept(subject="first")
    whole = (await dashboard.get("/ui/messages")).text
    seen = re.search(r'"X-Seen": "(\w+)"', whole)
    assert seen
    unchanged = await dashboard.get("/ui/messages", HTMX | {"X-Seen": seen[1]})
    assert (unchanged.status, unchanged.body) == (204, b"")
    await dashboard.room.accept(subject="second")
    changed = await dashboard.get("/ui/messages", HTMX | {"X-Seen": seen[1]})
    assert changed.text.startswith('<div id="live"')
    assert "second" in changed.text and "<html" not in changed.text
    assert "hx-push-url" not in changed.headers


async def test_changed_filters_go_into_the_address_bar(dashboard: Dashboard) -> None:
    await dashboard.room.accept()
    answer = await dashboard.get("/ui/messages?to=ada&from=&status=", HTMX)
    assert answer.headers["hx-push-url"] == "/ui/messages?to=ada"
    assert "Nothing fits" in answer.text


async def test_a_message_shows_its_timeline_with_reasons(dashboard: Dashboard) -> None:
    sent = await dashboard.room.accept("ada@example.net", "bob@example.org", configuration_set="billing")
    await dashboard.room.attempt(sent, {"ada@example.net": Refused("550 5.1.1 user unknown")})
    await dashboard.room.attempt(sent, {"bob@example.org": Deferred("timeout", "451 4.2.2 mailbox full")})
    page = (await dashboard.get(f"/ui/messages/{sent}")).text
    assert "ada@example.net bounced for good" in page
    assert "<blockquote>550 5.1.1 user unknown</blockquote>" in page
    assert "Not yet delivered to bob@example.org: the mailbox is full" in page
    assert "Tried once; the next attempt is due in" in page
    assert "every 2s" in page  # something is still to come
    assert "billing" in page


async def test_a_message_with_nothing_to_come_is_left_alone(dashboard: Dashboard) -> None:
    sent = await dashboard.room.accept()
    await dashboard.room.deliver(sent)
    assert "every 2s" not in (await dashboard.get(f"/ui/messages/{sent}")).text


@pytest.mark.parametrize("target", ["/ui/messages", "/ui/messages/{id}"])
async def test_nothing_that_a_sender_writes_becomes_markup(dashboard: Dashboard, target: str) -> None:
    headers = (
        f'From: "{HOSTILE.replace(chr(34), "")}" <sender@example.com>\r\nSubject: {HOSTILE}\r\nX-Evil: {HOSTILE}\r\n'
    )
    mime = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + HOSTILE + "\r\n--b\r\n"
    name = HOSTILE.replace('"', "")
    attached = f'Content-Type: text/x; name="{name}"\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n'
    sent = await dashboard.room.accept("ada@example.net", raw=(headers + mime + attached).encode())
    await dashboard.room.attempt(sent, {"ada@example.net": Refused(f"550 5.7.1 {HOSTILE}")})
    page = (await dashboard.get(target.format(id=sent))).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


async def test_a_hostile_filter_does_not_become_markup(dashboard: Dashboard) -> None:
    page = (await dashboard.get("/ui/messages?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).text
    assert "<script>alert" not in page and "&#34;&gt;&lt;script&gt;" in page
    refused = await dashboard.get("/ui/messages?status=%3Cscript%3E")
    assert refused.status == 400 and "<script>'" not in refused.text and "&lt;script&gt;" in refused.text


async def test_the_html_of_a_mail_is_served_in_a_sandbox(dashboard: Dashboard) -> None:
    html = "<h1>Hi</h1><script>alert(1)</script>"
    sent = await dashboard.room.accept(html=html)
    page = (await dashboard.get(f"/ui/messages/{sent}")).text
    assert f'<iframe sandbox="" src="/ui/messages/{sent}/html"' in page
    assert '<a href="/ui/messages" aria-current="page">' in page and page.count("aria-current") == 1
    assert "alert(1)" not in page
    inside = await dashboard.get(f"/ui/messages/{sent}/html")
    assert html in inside.text
    policy = inside.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert inside.headers["x-content-type-options"] == "nosniff"


async def test_pages_allow_nothing_from_elsewhere(dashboard: Dashboard) -> None:
    for target in ("/ui/messages", "/ui/messages/none", "/ui/messages?status=none"):
        answer = await dashboard.get(target)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
    page = (await dashboard.get("/ui/messages")).text
    assert not re.search(r'(?:src|href)="(?!/ui/|#)', page)
    assert not re.search(r"<style|style=|<script>|\son\w+=", page)


async def test_the_source_is_a_file_of_the_bytes_that_were_given(dashboard: Dashboard) -> None:
    raw = b"From: sender@example.com\r\nSubject: Raw\r\n\r\nas it is\r\n"
    sent = await dashboard.room.accept("ada@example.net", raw=raw)
    answer = await dashboard.get(f"/ui/messages/{sent}/source")
    assert answer.body == raw
    assert answer.headers["content-disposition"] == f'attachment; filename="{sent}.eml"'


@pytest.mark.parametrize(
    ("target", "headers"), [("/ui/messages.json", {}), ("/ui/messages", {"Accept": "application/json"})]
)
async def test_the_list_is_json_too(dashboard: Dashboard, target: str, headers: dict[str, str]) -> None:
    sent = await dashboard.room.accept("ada@example.net", subject="Invoice")
    answer = await dashboard.get(target, headers)
    assert answer.headers["content-type"] == "application/json"
    [message] = json.loads(answer.body)["messages"]
    assert (message["message_id"], message["subject"], message["accepted_at"]) == (sent, "Invoice", NOON)
    assert message["recipients"][0]["status"] == "accepted"


async def test_a_message_is_json_too(dashboard: Dashboard) -> None:
    sent = await dashboard.room.accept("ada@example.net")
    found = json.loads((await dashboard.get(f"/ui/messages/{sent}.json")).body)
    assert [moment["kind"] for moment in found["moments"]] == ["Send"]
    refused = await dashboard.get("/ui/messages/none.json")
    assert refused.status == 404 and "none" in json.loads(refused.body)["error"]


async def test_the_account_is_a_filter_for_those_who_see_all(dashboard: Dashboard) -> None:
    await dashboard.room.accept(subject="Mine")
    await dashboard.room.accept(subject="Theirs", scope=Scope("210987654321", "us-east-1"))
    page = (await dashboard.get("/ui/messages?account=210987654321")).text
    assert "Theirs" in page and "Mine" not in page


async def test_a_body_that_is_no_longer_kept_is_said_to_be_gone(dashboard: Dashboard) -> None:
    sent = await dashboard.room.accept()
    for file in dashboard.store._segments._folder.iterdir():
        file.unlink()
    answer = await dashboard.get(f"/ui/messages/{sent}")
    assert answer.status == 200 and "no longer kept" in answer.text
    assert (await dashboard.get(f"/ui/messages/{sent}/source")).status == 503


async def test_the_bare_path_leads_to_the_pages(dashboard: Dashboard) -> None:
    answer = await dashboard.get("/ui")
    assert (answer.status, answer.headers["location"]) == (307, "/ui/")


@pytest.mark.parametrize(
    "name", ["pillarbox.css", "pillarbox.js", "pillarbox.svg", "htmx-2.0.11.min.js", "htmx-LICENSE.txt"]
)
async def test_static_files_come_from_here(dashboard: Dashboard, name: str) -> None:
    answer = await dashboard.get(f"/ui/static/{name}")
    assert answer.status == 200 and "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize("target", ["/ui/static/../app.py", "/ui/static/%2e%2e/app.py", "/ui/nothing"])
async def test_nothing_else_is_served(dashboard: Dashboard, target: str) -> None:
    assert (await dashboard.get(target)).status == 404
