"""Contact lists and files of addresses, as a browser and a program handle them."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from pillarbox.kit.clock import DAY
from pillarbox.kit.errors import Unavailable
from pillarbox.resources import suppression
from pillarbox.store import nouns
from pillarbox.upkeep.import_jobs import ImportJobs
from tests.support.asgi import Answer
from tests.support.filled import NOON
from tests.support.promises import SCOPE
from tests.unit.dashboard.conftest import Dashboard
from tests.unit.dashboard.test_login import FORM, ada, token_of

JSON = {"Content-Type": "application/json"}
LIST = "/ui/api/contact-lists/news"
BOUNDARY = "----a-boundary"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


async def ask(dashboard: Dashboard, target: str, body: Any = None) -> Any:
    """Ask as a program does, and return what it is answered."""
    if body is None:
        answer = await dashboard.get(target)
    else:
        answer = await dashboard.get(target, JSON, method="POST", body=json.dumps(body).encode())
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


async def with_list(dashboard: Dashboard) -> None:
    await ask(dashboard, "/ui/api/contact-lists", {"name": "news", "description": "What is new"})
    await ask(dashboard, f"{LIST}/topics", {"topic": "sports", "display_name": "Sports", "default": "opt_in"})
    await ask(dashboard, f"{LIST}/topics", {"topic": "food"})


async def imported(dashboard: Dashboard) -> None:
    duty = ImportJobs(dashboard.store, None, dashboard.clock)
    while await duty.due_at() is not None:
        await duty.work(NOON)


def form(fields: dict[str, str], name: str, content: bytes) -> bytes:
    """Return what a browser sends of a form with a file."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    whole = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + part + b"\r\n" for part in [*parts, head.encode() + content])
    return whole + b"--" + BOUNDARY.encode() + b"--\r\n"


async def upload(dashboard: Dashboard, target: str, fields: dict[str, str], name: str, content: bytes) -> Answer:
    browser = {"Cookie": "pillarbox_session=this-browser"}
    body = form({"csrf": token_of(browser), **fields}, name, content)
    return await dashboard.get(target, {**browser, **MULTIPART}, method="POST", body=body)


async def test_a_list_its_topics_and_somebody_on_it(dashboard: Dashboard) -> None:
    await with_list(dashboard)
    await ask(dashboard, f"{LIST}/contacts", {"address": "ada@example.net"})
    assert (await ask(dashboard, f"{LIST}/contact?address=ada@example.net"))["wants"] == {
        "sports": "OPT_IN",
        "food": "OPT_OUT",
    }
    wants = {"address": "ada@example.net", "topic.food": "opt_in", "attributes": '{"name": "Ada"}'}
    assert (await ask(dashboard, f"{LIST}/contact", wants))["preferences"] == {"food": "OPT_IN"}
    left = await ask(dashboard, f"{LIST}/contact", {"address": "ada@example.net", "unsubscribed": True})
    assert left["wants"] == {"sports": "OPT_OUT", "food": "OPT_OUT"} and left["attributes"] == ""
    await ask(dashboard, f"{LIST}/topics/remove", {"topic": "food"})
    page = (await dashboard.get("/ui/contact-lists/news")).text
    assert "What is new" in page and "ada@example.net" in page and "food" not in page
    await ask(dashboard, f"{LIST}/contact/remove", {"address": "ada@example.net"})
    assert (await dashboard.get(f"{LIST}/contact?address=ada@example.net")).status == 404
    await ask(dashboard, f"{LIST}/delete", {})
    assert await ask(dashboard, "/ui/api/contact-lists") == []


async def test_what_cannot_be_is_said(dashboard: Dashboard) -> None:
    await with_list(dashboard)
    for target, body in (
        ("/ui/api/contact-lists", {"name": "another"}),  # an account has one in a region
        (f"{LIST}/topics", {"topic": "a b"}),
        (f"{LIST}/topics", {"topic": "sports", "default": "perhaps"}),
        (f"{LIST}/contact", {"address": "nobody@example.net"}),
        (f"{LIST}/topics/remove", {"topic": "nothing"}),
    ):
        answer = await dashboard.get(target, JSON, method="POST", body=json.dumps(body).encode())
        assert answer.status in (400, 404) and json.loads(answer.body)["error"], (target, body)


async def test_people_are_searched_and_come_page_by_page(dashboard: Dashboard) -> None:
    await with_list(dashboard)
    lines = "".join(f"person{number:03d}@example.net\n" for number in range(205))
    people = f"emailAddress,topicPreferences.food\nzoe%@example.net,OPT_IN\n{lines}"
    answer = await upload(dashboard, "/ui/contact-lists/news/import", {}, "people.csv", people.encode())
    assert answer.status == 303
    await imported(dashboard)
    seen: list[str] = []
    target = LIST
    while target:
        page = (await ask(dashboard, target))["page"]
        seen += [one["address"] for one in page["contacts"]]
        target = f"{LIST}?token={page['next_token']}" if page["next_token"] else ""
    assert len(seen) == len(set(seen)) == 206 and seen == sorted(seen)

    async def found(**asked: str) -> list[str]:
        page = (await ask(dashboard, f"{LIST}?{urlencode(asked)}"))["page"]
        return [one["address"] for one in page["contacts"]]

    assert await found(address="person20") == [f"person20{number}@example.net" for number in range(5)]
    assert await found(address="zoe%") == await found(topic="food", status="OPT_IN") == ["zoe%@example.net"]
    assert await found(address="%") == await found(address="nobody") == []
    assert len(await found(topic="sports", status="OPT_IN")) == 100


async def test_an_import_says_how_far_it_is_and_what_could_not_be_taken(dashboard: Dashboard) -> None:
    content = b"ada@example.net,BOUNCE\r\nbob@example.net,boredom\r\n,COMPLAINT\r\n"
    answer = await upload(dashboard, "/ui/suppression/import", {"action": "put"}, "list.csv", content)
    assert (answer.status, "done=importing" in answer.headers["location"]) == (303, True)
    going_on = (await dashboard.get("/ui/suppression")).text
    assert "going on" in going_on and 'hx-get="/ui/imports?' in going_on and '<progress max="3" value="0"' in going_on
    await imported(dashboard)
    after = (await dashboard.get("/ui/suppression")).text
    assert "1 of 3 lines, 2 could not be" in after and "line 2: the reason" in after and "/ui/imports" not in after
    [job] = await ask(dashboard, "/ui/api/imports")
    assert (job["status"], job["processed"], job["failed"], job["total"]) == ("COMPLETED", 3, 2, 3)
    assert (await dashboard.store.read(suppression.get, SCOPE, "ada@example.net")).reason == "BOUNCE"


async def test_a_program_sends_the_file_itself(dashboard: Dashboard) -> None:
    put = b'{"emailAddress": "ada@example.net", "reason": "COMPLAINT"}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    target = "/ui/api/suppression/import"
    assert (await dashboard.get(target, headers, method="POST", body=put)).status == 200
    await imported(dashboard)
    assert [one["reason"] for one in (await ask(dashboard, "/ui/api/suppression"))["addresses"]] == ["COMPLAINT"]
    headers = {"Content-Type": "text/csv"}
    assert (
        await dashboard.get(f"{target}?action=delete", headers, method="POST", body=b"ada@example.net")
    ).status == 200
    await imported(dashboard)
    assert (await ask(dashboard, "/ui/api/suppression"))["addresses"] == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [("a.csv", b"\xff\xfe", "UTF-8"), ("a.csv", b"\n\n", "nothing in"), ("a.csv", b"a@b.example\n" * 100_002, "takes")],
)
async def test_what_is_no_file_of_addresses_is_refused(
    dashboard: Dashboard, name: str, content: bytes, why: str
) -> None:
    answer = await upload(dashboard, "/ui/suppression/import", {}, name, content)
    assert answer.status == 400 and why in answer.text
    assert await dashboard.store.read(nouns.scopes) == []


async def test_a_file_from_another_site_is_not_taken(dashboard: Dashboard) -> None:
    body = form({}, "list.csv", b"ada@example.net,BOUNCE\r\n")
    target = "/ui/suppression/import"
    assert (await dashboard.get(target, MULTIPART, method="POST", body=body)).status == 403
    assert (
        await dashboard.get(target, {**MULTIPART, "Sec-Fetch-Site": "cross-site"}, method="POST", body=body)
    ).status == 403
    without = {"Content-Type": "multipart/form-data"}
    assert (await dashboard.get(target, without, method="POST", body=body)).status in (400, 403)
    assert (await dashboard.get("/ui/login", MULTIPART, method="POST", body=body)).status == 415


async def test_who_only_reads_changes_no_list(dashboard: Dashboard) -> None:
    await with_list(dashboard)
    dashboard.built(dev=False)
    browser = await ada(dashboard, "read-only")
    page = (await dashboard.get("/ui/contact-lists/news", browser)).text
    assert 'method="post"' not in page.partition("<main")[2]
    body = urlencode({"csrf": token_of(browser), "address": "ada@example.net"}).encode()
    answer = await dashboard.get("/ui/contact-lists/news/contacts", {**browser, **FORM}, method="POST", body=body)
    assert answer.status == 403


async def test_a_file_that_is_gone_for_good_ends_its_import(dashboard: Dashboard) -> None:
    await upload(dashboard, "/ui/suppression/import", {}, "list.csv", b"ada@example.net,BOUNCE\r\n")
    for file in dashboard.store._segments._folder.iterdir():
        file.unlink()
    duty = ImportJobs(dashboard.store, None, dashboard.clock)
    with pytest.raises(Unavailable):  # the runner tries again
        await duty.work(NOON)
    dashboard.clock.at += DAY
    await duty.work(NOON)
    [job] = await ask(dashboard, "/ui/api/imports")
    assert (job["status"], "The file is not there" in job["why"]) == ("FAILED", True)
