"""The pages of statistics, as a browser and a program get them."""

import json
import re
from typing import Any

import pytest

from pillarbox.dashboard import advice
from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.delivery.tracking import Marks
from pillarbox.events.follow import Follower
from pillarbox.events.record import record
from pillarbox.events.types import Event, Open
from pillarbox.kit.ids import Scope
from pillarbox.operate import queue
from pillarbox.operate.desk import Desk
from pillarbox.operate.queue import What
from pillarbox.resources import credentials
from pillarbox.stats import tags
from pillarbox.stats.follow import count
from pillarbox.stats.names import BOUNCED, COMPLAINT_TYPES, DELAY_TYPES, SUBTYPES
from tests.support.filled import NOON
from tests.support.promises import SCOPE
from tests.unit.dashboard.conftest import Dashboard
from tests.unit.dashboard.test_access import basic

HTMX = {"HX-Request": "true"}


async def _counted(dashboard: Dashboard) -> None:
    follower = Follower("stats", dashboard.store, count, dashboard.clock)
    while await follower.step():
        pass


async def _some_mail(dashboard: Dashboard) -> None:
    room = dashboard.room
    good, bad = await room.accept("ada@gmail.com"), await room.accept("bob@yahoo.com", "eve@firm.example")
    await room.deliver(good)
    await room.attempt(bad, {"bob@yahoo.com": Refused("550 5.1.1"), "eve@firm.example": Delivered("250 ok")})
    await _counted(dashboard)


async def _json(dashboard: Dashboard, target: str) -> Any:
    answer = await dashboard.get(target)
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


async def test_the_first_page_shows_volume_rates_and_what_happens(dashboard: Dashboard) -> None:
    await _some_mail(dashboard)

    page = (await dashboard.get("/ui/")).text

    assert "3 bounced" not in page and "2 delivered, 1 bounced" in page
    assert "33.3\N{NARROW NO-BREAK SPACE}%" in page and "paused at SES" in page
    assert "bob@yahoo.com bounced for good" in page
    assert 'aria-current="page">Overview</a>' in page


async def test_the_first_page_says_of_how_much_mail_opens_are_a_share(dashboard: Dashboard) -> None:
    assert "no mail was tracked" in (await dashboard.get("/ui/")).text
    for has_pixel in (False, True, True):
        message_id = await dashboard.room.accept("ada@x.example")
        delivered = {"ada@x.example": Delivered("250 ok")}
        await dashboard.room.attempt(message_id, delivered, marks=Marks(pixel=has_pixel))
    opened = Open("192.0.2.1", "a browser", recipient="ada@x.example")
    await dashboard.store.write(record, [Event("e-1", SCOPE, message_id, NOON + 1_500, NOON + 1_500, opened)])
    await _counted(dashboard)

    page = (await dashboard.get("/ui/")).text

    assert re.search(r'<dt>Opened</dt><dd>50[^<]*%</dd><dd class="hint">1 open, of 2 tracked</dd>', page)
    assert (await _json(dashboard, "/ui/api/statistics"))["rates"]["open"] == 0.5


async def test_bounces_are_explained_to_programs_too(dashboard: Dashboard) -> None:
    await _some_mail(dashboard)

    found = await _json(dashboard, "/ui/api/bounces?last=24h")

    (reason,) = found["explained"]
    assert (reason["what"], reason["recipients"], reason["is_test"]) == ("Bounce: Permanent, General", 1, False)
    assert reason["means"] and reason["do"] and found["delays"] == []
    assert found["statistics"]["totals"]["bounced.permanent"] == 1
    assert [(one["member"], one["rates"]["bounce"]) for one in found["providers"]] == [("yahoo", 1.0)]


async def test_the_first_page_says_what_waits_and_why(dashboard: Dashboard) -> None:
    waiting = await dashboard.room.accept("ada@example.net")
    await dashboard.room.attempt(waiting, {"ada@example.net": Deferred("greylisted", "450 4.7.1 later")})
    desk = Desk(dashboard.store, dashboard.keyring, dashboard.clock)
    await queue.pause(desk, What(configuration_set="newsletter"), "too many complaints")
    await queue.pause(desk, What(account="210987654321"), "a secret of another account")

    page = (await dashboard.get(f"/ui/?account={SCOPE.account}")).text

    assert re.search(r"1 <small>delivery waiting", page)
    assert "newsletter (too many complaints)" in page
    assert "a secret of another account" not in page


async def test_the_first_page_refreshes_itself_only_when_something_has_changed(dashboard: Dashboard) -> None:
    await _some_mail(dashboard)
    page = (await dashboard.get("/ui/?last=7d")).text
    assert 'hx-get="/ui/?last=7d"' in page
    seen = re.search(r'"X-Seen": "(\w+)"', page)
    assert seen

    assert (await dashboard.get("/ui/?last=7d", HTMX | {"X-Seen": seen[1]})).status == 204
    await _some_mail(dashboard)
    changed = await dashboard.get("/ui/?last=7d", HTMX | {"X-Seen": seen[1]})

    assert changed.status == 200
    assert "<html" not in changed.text


async def test_programs_get_the_same_numbers(dashboard: Dashboard) -> None:
    await _some_mail(dashboard)

    found = await _json(dashboard, "/ui/api/overview?last=24h")
    one = await _json(dashboard, "/ui/api/statistics?by=provider&only=google")
    members = await _json(dashboard, "/ui/api/members?by=provider&last=24h")

    assert found["statistics"]["totals"]["sent"] == 3
    assert found["statistics"]["rates"]["bounce"] == pytest.approx(1 / 3)
    assert found["quotas"] == [
        {"account": SCOPE.account, "region": SCOPE.region, "sent": 3, "daily_limit": 50_000, "rate": 14.0}
    ]
    assert one["totals"] == {"sent": 1, "delivered": 1}
    assert [line["member"] for line in members["members"]] == ["firm.example", "google", "yahoo"]


@pytest.mark.parametrize("target", ["/ui/api/overview?last=week", "/ui/api/statistics?by=weather"])
async def test_programs_are_told_what_cannot_be_asked(dashboard: Dashboard, target: str) -> None:
    answer = await dashboard.get(target)
    assert answer.status == 400
    assert "there are" in json.loads(answer.body)["error"]


async def test_a_person_who_asks_for_an_unknown_span_sees_the_usual_one(dashboard: Dashboard) -> None:
    assert 'aria-current="true" title="last 24 hours"' in (await dashboard.get("/ui/?last=week")).text


async def test_customers_without_any_are_told_how_to_have_some(dashboard: Dashboard) -> None:
    page = (await dashboard.get("/ui/customers")).text
    assert "TenantName" in page
    assert "pillarbox stats tag customer" in page


async def test_customers_are_the_values_of_a_tag_where_mail_is_counted_by_one(dashboard: Dashboard) -> None:
    await dashboard.store.write(tags.begin, SCOPE, "ses:operation", NOON - 120_000)
    await _some_mail(dashboard)

    page = (await dashboard.get("/ui/customers")).text
    assert 'aria-current="true">Tag ses:operation</a>' in page
    link = re.search(r'href="(/ui/customer\?[^"]*)">SendEmail</a>', page)
    assert link

    customer = (await dashboard.get(link[1].replace("&amp;", "&"))).text
    assert "<h1>SendEmail</h1>" in customer
    assert "2 delivered, 1 bounced" in customer
    assert "Remove the address from your lists" in customer


async def test_a_page_of_nobody_is_not_found(dashboard: Dashboard) -> None:
    assert (await dashboard.get("/ui/customer?by=tenant")).status == 404


async def test_bounces_are_explained_with_what_to_do(dashboard: Dashboard) -> None:
    await _some_mail(dashboard)

    page = (await dashboard.get("/ui/bounces")).text

    assert "Bounce: Permanent, General" in page
    assert "What to do" in page
    assert ">Yahoo</a>" in page
    assert "Gmail" not in page


async def test_where_nothing_bounced_that_is_said(dashboard: Dashboard) -> None:
    assert "Nothing went wrong" in (await dashboard.get("/ui/bounces")).text


async def test_a_key_shows_the_statistics_of_its_account_alone(dashboard: Dashboard) -> None:
    other = Scope("210987654321", "us-east-1")
    await dashboard.room.accept(scope=other, subject="Theirs")
    await _some_mail(dashboard)
    key = await dashboard.store.write(credentials.create, other.account, "eve", dashboard.keyring, NOON)
    dashboard.built(dev=False)
    signed_in = basic(key.key_id, key.secret)
    for target in ("/ui/api/overview", f"/ui/api/overview?account={SCOPE.account}"):
        found = json.loads((await dashboard.get(target, signed_in)).body)
        assert found["statistics"]["totals"] == {"sent": 1}
        assert {event["account"] for event in found["events"]} == {other.account}
        assert [use["account"] for use in found["quotas"]] == [other.account]
    assert (await dashboard.get("/ui/api/overview")).status == 401


def test_every_kind_of_bounce_is_explained() -> None:
    known = {f"bounced.permanent:{kind}/{subtype}": 1 for kind in BOUNCED for subtype in SUBTYPES}
    explained = advice.explain(known)
    assert len(explained) == len(known)
    assert all(one.means.endswith(".") and one.do.endswith(".") for one in explained)


def test_every_kind_of_delay_and_complaint_is_explained() -> None:
    delays = advice.explain_delays({f"delayed:{one}": 1 for one in (DELAY_TYPES - {"Undetermined"})} | {"delayed": 9})
    complaints = advice.explain({f"complained:{one}": 1 for one in COMPLAINT_TYPES})
    for explained, known in ((delays, DELAY_TYPES - {"Undetermined"}), (complaints, COMPLAINT_TYPES)):
        assert len({one.means for one in explained}) == len(known)
        assert all(one.means.endswith(".") and one.do.endswith(".") for one in explained)


def test_tests_come_last_and_are_called_so() -> None:
    found = advice.explain(
        {"bounced.simulator:Permanent/General": 9, "complained:unknown": 1, "complained.simulator:abuse": 2}
    )
    assert [(one.what, one.recipients, one.is_test) for one in found] == [
        ("Complaint", 1, False),
        ("Bounce: Permanent, General", 9, True),
        ("Complaint: abuse", 2, True),
    ]
