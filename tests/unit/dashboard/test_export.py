"""Finding messages and taking them away as CSV."""

import csv
import io
import json

import pytest

from pillarbox.delivery.outcome import Refused
from pillarbox.kit.clock import DAY
from pillarbox.operate import messages
from tests.support.filled import NOON
from tests.unit.dashboard.conftest import Dashboard


async def _lines(dashboard: Dashboard, target: str) -> list[dict[str, str]]:
    answer = await dashboard.get(target)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="messages.csv"'
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_every_recipient_of_what_fits_is_a_line_however_many_pages_that_is(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MOST_ON_A_PAGE", 2)
    for number in range(5):
        await dashboard.room.accept("ada@example.net", "bob@example.org", subject=f"News {number}", at=NOON + number)
    await dashboard.room.accept(subject="Other")

    lines = await _lines(dashboard, "/ui/messages.csv?subject=news")

    assert [(one["subject"], one["to"]) for one in lines] == [
        (f"News {number}", to) for number in range(4, -1, -1) for to in ("ada@example.net", "bob@example.org")
    ]
    assert await _lines(dashboard, "/ui/api/messages.csv?subject=news") == lines
    assert {one["status"] for one in lines} == {"accepted"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t="])
async def test_nothing_that_a_sender_writes_becomes_a_formula(dashboard: Dashboard, start: str) -> None:
    await dashboard.room.accept(subject=f'{start}HYPERLINK("https://evil.example")')

    [line] = await _lines(dashboard, "/ui/messages.csv")

    assert line["subject"].startswith(("'", "HYPERLINK")) or not line["subject"].startswith(start)
    assert line["subject"][0] not in "=+-@\t"


async def test_a_filter_that_cannot_be_understood_is_refused_before_the_file_begins(dashboard: Dashboard) -> None:
    for target in ("/ui/messages.csv?status=lost", "/ui/messages.csv?since=yesterday"):
        assert (await dashboard.get(target)).status == 400


async def test_messages_are_found_by_id_tag_and_time(dashboard: Dashboard) -> None:
    old = await dashboard.room.accept(subject="Old", at=NOON - 3 * DAY)
    await dashboard.room.accept(subject="New", at=NOON)

    async def found(query: str) -> list[str]:
        page = json.loads((await dashboard.get(f"/ui/api/messages?{query}")).body)
        return [one["subject"] for one in page["messages"]]

    assert await found(f"id=%3C{old}@email.example.com%3E") == ["Old"]
    assert await found("last=24h") == ["New"]
    assert await found("until=2027-01-14T00:00:00Z") == ["Old"]
    assert await found("since=2027-01-14T00:00:00Z") == ["New"]
    assert await found("tag=customer") == []


async def test_each_state_has_a_chip_with_how_many_recipients_are_in_it(dashboard: Dashboard) -> None:
    sent = await dashboard.room.accept("ada@example.net", "bob@example.org")
    await dashboard.room.attempt(sent, {"ada@example.net": Refused("550 5.1.1")})

    page = (await dashboard.get("/ui/messages?last=24h")).text
    narrowed = (await dashboard.get("/ui/messages?to=ada&status=bounced")).text

    assert (
        'href="/ui/messages?status=bounced&amp;last=24h">Bounced <span class="n" title="recipients">1</span></a>'
        in page
    )
    assert 'Accepted <span class="n" title="recipients">1</span>' in page
    assert 'All <span class="n" title="recipients">2</span>' in page
    assert 'Delivered <span class="n" title="recipients">0</span>' in page
    assert 'aria-current="true">Bounced</a>' in narrowed  # only time and state are counted by
    counts = json.loads((await dashboard.get("/ui/api/messages/counts?last=24h")).body)
    assert (counts["all"]["recipients"], counts["bounced"]) == (2, {"recipients": 1, "or_more": False})
    assert json.loads((await dashboard.get("/ui/api/messages/counts?to=ada")).body) == {}
    assert 'href="/ui/messages.csv?to=ada&amp;status=bounced" download' in narrowed
