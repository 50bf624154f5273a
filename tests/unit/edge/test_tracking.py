"""What comes of a request for a pixel or a link: the way on and a hit, or a page that says why not."""

from pathlib import Path
from typing import NamedTuple

import pytest

from pillarbox.edge.hit_files import HitFiles
from pillarbox.edge.hit_spool import Hit, HitSpool
from pillarbox.edge.tracking import Tracker
from pillarbox.kit.tracking_links import EVERYONE, SignatureLost, TrackingLinks
from tests.support.asgi import Answer, get
from tests.support.clock import NOON, StandingClock

MESSAGE = "010001a208f8029a-c1cde9f7-c25f-4263-80ec-0e62218f4487-000000"
TARGET = "https://shop.example/a?b=1&c=d%20e"
LINKS = TrackingLinks({7: b"k" * 32})


class Memory:
    """Knows which links a message has, in the place of the store."""

    def __init__(self, *urls: str) -> None:
        self._urls = urls

    async def target(self, lost: SignatureLost) -> str | None:
        return next((url for url in lost.urls if url in self._urls), None)


class Door(NamedTuple):
    tracker: Tracker
    spool: HitSpool
    folder: Path

    async def ask(self, target: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        return await get(self.tracker, target, headers, client="203.0.113.9", method=method)

    def hits(self) -> list[Hit]:
        self.spool.flush()
        return [one.hit for one in HitFiles(self.folder).read()]


@pytest.fixture
def door(tmp_path: Path) -> Door:
    spool = HitSpool(tmp_path, 1 << 20)
    tracker = Tracker(LINKS, spool, Memory(TARGET), StandingClock(), region="eu-west-1")  # type: ignore[arg-type]
    return Door(tracker, spool, tmp_path)


async def test_a_click_leads_on_and_is_recorded(door: Door) -> None:
    answer = await door.ask(LINKS.of_copy(MESSAGE, 2).link(1, TARGET, "a:1;b:2;a:3;"), {"User-Agent": "Firefox"})

    assert (answer.status, answer.headers["location"], answer.body) == (302, TARGET, b"")
    assert "no-store" in answer.headers["cache-control"]
    tags = {"a": ["1", "3"], "b": ["2"]}
    assert door.hits() == [Hit(NOON, MESSAGE, "203.0.113.9", "Firefox", "GET", TARGET, tags, 2)]


async def test_an_open_gets_a_picture_of_one_point_and_is_recorded(door: Door) -> None:
    answer = await door.ask(LINKS.of_copy(MESSAGE, EVERYONE).pixel())

    assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.body.startswith(b"GIF89a\x01\x00\x01\x00") and int(answer.headers["content-length"]) == 42
    assert "no-store" in answer.headers["cache-control"]
    assert door.hits() == [Hit(NOON, MESSAGE, "203.0.113.9", "")]


async def test_each_time_is_a_hit_of_its_own(door: Door) -> None:
    for _ in range(3):
        await door.ask(LINKS.of_copy(MESSAGE, 0).pixel())

    assert len(door.hits()) == 3


@pytest.mark.parametrize("path", [LINKS.of_copy(MESSAGE, 0).link(1, TARGET), LINKS.of_copy(MESSAGE, 0).pixel()])
async def test_who_asks_for_the_head_gets_it_and_is_recorded_as_one_who_did(door: Door, path: str) -> None:
    asked, whole = await door.ask(path, method="HEAD"), await door.ask(path)

    assert (asked.status, asked.headers, asked.body) == (whole.status, whole.headers, b"")
    assert [hit.manner for hit in door.hits()] == ["HEAD", "GET"]


@pytest.mark.parametrize("name", ["Purpose", "Sec-Purpose", "X-Moz"])
async def test_what_a_browser_fetches_ahead_is_told_apart(door: Door, name: str) -> None:
    await door.ask(LINKS.of_copy(MESSAGE, 0).link(1, TARGET), {name: "prefetch;prerender"})

    assert [hit.manner for hit in door.hits()] == ["PREFETCH"]


ALTERED = {
    "another host": lambda path: path.replace("shop.example", "evil.example"),
    "another path": lambda path: path.replace("%2Fa%3F", "%2Fb%3F"),
    "another message": lambda path: path.replace("-000000/", "-000001/"),
    "another number": lambda path: path.replace("/1/0100", "/2/0100"),
    "another signature": lambda path: path[:-9] + path[-9:-2].swapcase() + path[-2:],
    "another scheme": lambda path: path.replace("https:", "javascript:"),
    "no message": lambda path: path.partition("/1/")[0],
    "nothing": lambda path: "/CL0/",
    "an open redirect": lambda path: "/CL0/https:%2F%2Fevil.example%2F",
    "a line break": lambda path: path.replace("shop.example", "shop.example%0D%0ASet-Cookie:%20a=b%0D%0A"),
}


@pytest.mark.parametrize("how", ALTERED)
async def test_an_altered_link_leads_nowhere_and_says_so_to_a_person(door: Door, how: str) -> None:
    answer = await door.ask(ALTERED[how](LINKS.of_copy(MESSAGE, 0).link(1, TARGET)))

    assert answer.status == 400 and "location" not in answer.headers
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "This link does not work" in answer.text and "evil" not in answer.text
    assert door.hits() == []


async def test_an_altered_pixel_shows_nothing(door: Door) -> None:
    answer = await door.ask(LINKS.of_copy(MESSAGE, 0).pixel().replace("-000000", "-000001"))

    assert answer.status == 400
    assert door.hits() == []


async def test_a_link_that_has_lost_its_signature_leads_where_the_message_links_to(door: Door) -> None:
    cut = LINKS.of_copy(MESSAGE, 3).link(1, TARGET).rpartition("/")[0]

    answer = await door.ask(cut)

    assert (answer.status, answer.headers["location"]) == (302, TARGET)
    assert [(hit.link, hit.recipient) for hit in door.hits()] == [(TARGET, None)]


async def test_a_link_that_has_lost_its_signature_leads_nowhere_else(door: Door) -> None:
    cut = LINKS.of_copy(MESSAGE, 3).link(1, "https://evil.example/").rpartition("/")[0]

    assert (await door.ask(cut)).status == 400
    assert door.hits() == []


async def test_a_head_that_is_too_long_is_refused(door: Door) -> None:
    answer = await door.ask(LINKS.of_copy(MESSAGE, 0).link(1, TARGET), {"Cookie": "x" * 8192})

    assert answer.status == 400
    assert door.hits() == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_links_are_got_and_nothing_else(door: Door, method: str) -> None:
    answer = await door.ask(LINKS.of_copy(MESSAGE, 0).link(1, TARGET), method=method)

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert door.hits() == []


async def test_a_very_long_name_of_a_program_is_cut(door: Door) -> None:
    await door.ask(LINKS.of_copy(MESSAGE, 0).pixel(), {"User-Agent": "x" * 5_000})

    assert [len(hit.agent) for hit in door.hits()] == [1024]


async def test_a_host_for_links_shows_nothing_else(door: Door) -> None:
    for path in ("/", "/ui/", "/metrics", "/v2/email/outbound-emails"):
        answer = await door.ask(path)
        assert answer.status == 404 and "There is nothing here" in answer.text


async def test_a_proxy_before_us_can_be_tested_as_with_ses(door: Door) -> None:
    answer = await door.ask("/favicon.ico")

    assert answer.status == 200
    assert answer.headers["x-amz-ses-region"] == "eu-west-1"
    assert answer.headers["x-amz-ses-request-protocol"] == "http"
